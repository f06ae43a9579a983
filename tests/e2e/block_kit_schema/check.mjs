// usage: block_kit_samples | node check.mjs
// Reads [{"name", "text", "blocks"}] and validates every list of blocks against a JSON schema made from Slack's published types.
// Its own three bad samples must be refused, or the judge is of no use. Exit 0: all well, 1: something was refused, 2: no judge.
import { readFileSync, writeFileSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";
import { tmpdir } from "node:os";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const require = createRequire(import.meta.url);
const types = dirname(require.resolve("@slack/types/package.json"));

function makeSchema() {
  const folder = mkdtempSync(join(tmpdir(), "block-kit-"));
  const entry = join(folder, "entry.ts");
  const project = join(folder, "tsconfig.json");
  writeFileSync(entry, `import { KnownBlock } from ${JSON.stringify(join(types, "dist", "index"))};\nexport type Message = KnownBlock[];\n`);
  writeFileSync(project, JSON.stringify({ compilerOptions: { target: "es2020", module: "node16", moduleResolution: "node16", strict: true, skipLibCheck: true, types: [] }, files: [entry] }));
  return createGenerator({ path: entry, tsconfig: project, type: "Message", skipTypeCheck: true, additionalProperties: false }).createSchema("Message");
}

const bad = [
  ["a block of an unknown type", [{ type: "sections" }]],
  ["a text of a wrong type", [{ type: "section", text: { type: "text", text: "x" } }]],
  ["an unknown member", [{ type: "divider", colour: "red" }]],
];

let validate;
try {
  validate = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true }).compile(makeSchema());
} catch (error) {
  console.error(`no schema: ${error.message}`);
  process.exit(2);
}
for (const [name, blocks] of bad) {
  if (validate(blocks)) {
    console.error(`the schema accepts ${name}: it judges nothing`);
    process.exit(2);
  }
}
const samples = JSON.parse(readFileSync(0, "utf8"));
let refused = 0;
for (const sample of samples) {
  if (validate(sample.blocks)) continue;
  refused += 1;
  const deepest = [...validate.errors].sort((a, b) => b.instancePath.length - a.instancePath.length).slice(0, 5);
  console.error(`${sample.name}: refused`);
  for (const error of deepest) console.error(`  ${error.instancePath} ${error.message}`);
}
console.log(`${samples.length - refused} passed, ${refused} failed`);
process.exit(refused === 0 && samples.length > 0 ? 0 : 1);
