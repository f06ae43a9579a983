// usage: block_kit_samples | node check.mjs
// Reads [{"name", "text", "blocks"} or {"name", "view"}] and validates every list of blocks, and every Home tab and modal, against JSON schemas made
// from Slack's published types. Its own bad samples must be refused, or the judge is of no use. Exit 0: all well, 1: something was refused, 2: no judge.
import { readFileSync, writeFileSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";
import { tmpdir } from "node:os";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const require = createRequire(import.meta.url);
const types = dirname(require.resolve("@slack/types/package.json"));

function makeSchema(type) {
  const folder = mkdtempSync(join(tmpdir(), "block-kit-"));
  const entry = join(folder, "entry.ts");
  const project = join(folder, "tsconfig.json");
  writeFileSync(entry, `import { KnownBlock, HomeView, ModalView } from ${JSON.stringify(join(types, "dist", "index"))};\nexport type Message = KnownBlock[];\nexport type Home = Omit<HomeView, "blocks"> & { blocks: KnownBlock[] };\nexport type Modal = Omit<ModalView, "blocks"> & { blocks: KnownBlock[] };\n`);
  writeFileSync(project, JSON.stringify({ compilerOptions: { target: "es2020", module: "node16", moduleResolution: "node16", strict: true, skipLibCheck: true, types: [] }, files: [entry] }));
  return createGenerator({ path: entry, tsconfig: project, type, skipTypeCheck: true, additionalProperties: false }).createSchema(type);
}

const title = { type: "plain_text", text: "x" };
const bad = [
  ["message", "a block of an unknown type", [{ type: "sections" }]],
  ["message", "a text of a wrong type", [{ type: "section", text: { type: "text", text: "x" } }]],
  ["message", "an unknown member", [{ type: "divider", colour: "red" }]],
  ["home", "a Home tab with a title", { type: "home", title, blocks: [{ type: "divider" }] }],
  ["home", "a Home tab with a wrong block", { type: "home", blocks: [{ type: "dividers" }] }],
  ["modal", "a modal without a title", { type: "modal", blocks: [{ type: "divider" }] }],
  ["modal", "a modal whose title has marks", { type: "modal", title: { type: "mrkdwn", text: "x" }, blocks: [{ type: "divider" }] }],
];

const judges = {};
try {
  for (const [name, type] of [["message", "Message"], ["home", "Home"], ["modal", "Modal"]])
    judges[name] = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true }).compile(makeSchema(type));
} catch (error) {
  console.error(`no schema: ${error.message}`);
  process.exit(2);
}
for (const [kind, name, value] of bad) {
  if (judges[kind](value)) {
    console.error(`the schema accepts ${name}: it judges nothing`);
    process.exit(2);
  }
}
const samples = JSON.parse(readFileSync(0, "utf8"));
let refused = 0;
for (const sample of samples) {
  const validate = judges[sample.view === undefined ? "message" : sample.view.type];
  if (validate !== undefined && validate(sample.view ?? sample.blocks)) continue;
  refused += 1;
  const deepest = [...(validate?.errors ?? [])].sort((a, b) => b.instancePath.length - a.instancePath.length).slice(0, 5);
  console.error(`${sample.name}: refused`);
  for (const error of deepest) console.error(`  ${error.instancePath} ${error.message}`);
}
console.log(`${samples.length - refused} passed, ${refused} failed`);
process.exit(refused === 0 && samples.length > 0 ? 0 : 1);
