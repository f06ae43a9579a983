#!/usr/bin/env python3
"""Reduces osquery's published schema to the tables and columns that the check library reads.

usage: reduce_schema.py FULL_SCHEMA_JSON VERSION LIBRARY_DIR > schema.json

The full schema is the list of tables that osquery publishes with its documentation for one release. Each statement of
the library is prepared in SQLite over empty tables of its platform; what SQLite then asks to read is what is kept.
Needs python3-yaml.
"""
import json
import os
import sqlite3
import sys

import yaml

# osquery's names for our platforms.
PLATFORMS = {"macos": "darwin", "windows": "windows", "linux": "linux"}
# SQL functions that osquery adds to SQLite, with the number of their arguments.
FUNCTIONS = {"split": 3, "regex_split": 3, "regex_match": 3, "concat": -1, "concat_ws": -1, "inet_aton": 1,
             "in_cidr_block": 2, "md5": 1, "sha1": 1, "sha256": 1, "to_base64": 1, "from_base64": 1,
             "conditional_to_base64": 1, "community_id_v1": -1, "version_compare": -1}
TYPES = {"bigint": "BIGINT", "double": "DOUBLE", "integer": "INTEGER", "text": "TEXT", "blob": "BLOB",
         "unsigned_bigint": "BIGINT"}


def columns_on(table, name):
    return [column for column in table["columns"] if name in column.get("platforms", table["platforms"])]


def used_by(statement, tables, name):
    """The (table, column) pairs and the functions that one statement reads on the platform called `name`."""
    reads, functions = set(), set()

    def note(action, first, second, _database, _trigger):
        if action == sqlite3.SQLITE_READ:
            reads.add((first, second))
        if action == sqlite3.SQLITE_FUNCTION and second in FUNCTIONS:
            functions.add(second)
        return sqlite3.SQLITE_OK

    database = sqlite3.connect(":memory:")
    for function, arguments in FUNCTIONS.items():
        database.create_function(function, arguments, lambda *_: None)
    for table in tables:
        if name in table["platforms"]:
            columns = ", ".join(f'"{c["name"]}" {TYPES[c["type"]]}' for c in columns_on(table, name))
            database.execute(f'CREATE TABLE "{table["name"]}" ({columns})')
    database.set_authorizer(note)
    database.execute(statement).close()
    return reads, functions


def reduce(tables, library):
    reads, functions = set(), set()
    for file_name in sorted(os.listdir(library)):
        if not file_name.endswith(".yaml"):
            continue
        with open(os.path.join(library, file_name), encoding="utf-8") as file:
            check = yaml.safe_load(file)
        for platform, statement in check["osquery"].items():
            more_reads, more_functions = used_by(statement, tables, PLATFORMS[platform])
            reads |= more_reads
            functions |= more_functions
    ours = {theirs: name for name, theirs in PLATFORMS.items()}

    def names(platforms):
        return [ours[name] for name in ("darwin", "windows", "linux") if name in platforms]

    kept = []
    for table in sorted(tables, key=lambda table: table["name"]):
        columns = []
        for column in table["columns"]:
            if (table["name"], column["name"]) not in reads and not (column["required"] and
                                                                     any(t == table["name"] for t, _ in reads)):
                continue
            entry = {"name": column["name"], "type": TYPES[column["type"]]}
            if names(column.get("platforms", table["platforms"])) != names(table["platforms"]):
                entry["platforms"] = names(column["platforms"])
            if column["required"]:
                entry["required"] = True
            columns.append(entry)
        if columns:
            kept.append({"name": table["name"], "platforms": names(table["platforms"]), "columns": columns})
    return kept, [{"name": name, "arguments": FUNCTIONS[name]} for name in sorted(functions)]


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], encoding="utf-8") as file:
        tables = json.load(file)
    kept, functions = reduce(tables, arguments[2])
    print("{")
    print(f' "osquery": {json.dumps(arguments[1])},')
    print(f' "functions": {json.dumps(functions)},')
    print(' "tables": [')
    for number, table in enumerate(kept):
        head = f'"name": {json.dumps(table["name"])}, "platforms": {json.dumps(table["platforms"])}'
        body = ",\n".join(f"   {json.dumps(column)}" for column in table["columns"])
        print(f'  {{{head}, "columns": [\n{body}]}}{"," if number + 1 < len(kept) else ""}')
    print(" ]\n}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
