// Opens files in the real yaml-language-server with the schemas of docs/schema, and asks it at marked places: `|` is the
// cursor. Each place says what completion must offer, what hover must say, or that nothing is underlined.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const server = createRequire(path.join(process.argv[2], "x.js")).resolve("yaml-language-server/bin/yaml-language-server");
const schema = (name) => pathToFileURL(path.join(root, `docs/schema/${name}.schema.json`)).href;

const PLACES = [
  { name: "keys of pipeline.yaml", file: "pipeline", text: "version: 1\npipeline: a\n|\n", offers: ["stages", "vars", "cluster", "secrets"] },
  { name: "keys of the cluster", file: "pipeline", text: "version: 1\ncluster:\n  |\n", offers: ["contexts", "namespace", "load"] },
  { name: "keys of a stage in place", file: "pipeline", text: "version: 1\npipeline: a\nstages:\n  - stage: a\n    |\n", offers: ["steps", "gate", "needs", "when"] },
  { name: "kinds of a step", file: "stage", text: "stage: a\nsteps:\n  one:\n    |\n", offers: ["shell", "kube", "helm", "needs", "timeout"] },
  { name: "keys of shell", file: "stage", text: "stage: a\nsteps:\n  one:\n    shell:\n      |\n", offers: ["run", "command", "dir"] },
  { name: "verbs of kube", file: "stage", text: "stage: a\nsteps:\n  one:\n    kube:\n      |\n", offers: ["apply", "wait", "reach"] },
  { name: "keys of helm template", file: "stage", text: "stage: a\nsteps:\n  one:\n    helm:\n      template:\n        |\n", offers: ["chart", "kube_version", "values_files"] },
  { name: "kinds of an assertion", file: "stage", text: "stage: a\ngate:\n  - |\n", offers: ["http", "rollout", "within", "use"] },
  { name: "ways to a Service", file: "stage", text: "stage: a\ngate:\n  - http:\n      service: web\n      via: |\n", offers: ["auto", "node_port", "port_forward"] },
  { name: "keys of a gate file", file: "gate", text: "assertions:\n  - file:\n      path: a\n      |\n", offers: ["size", "sha256", "contains"] },
  { name: "hover over a step's key", file: "stage", text: "stage: a\nsteps:\n  one:\n    shell: make\n    time|out: 3s\n", says: "limit of one attempt" },
  { name: "hover over a kind", file: "stage", text: "stage: a\nsteps:\n  one:\n    sh|ell: make\n", says: "A script" },
  { name: "hover over stages", file: "pipeline", text: "version: 1\npipeline: a\nsta|ges: [a.yaml]\n", says: "patterns such as" },
  { name: "short forms are not underlined", file: "stage", text: "stage: a\nsteps:\n  a: { shell: make }\n  b: { shell: [go, test] }\n  c: { compose: up }\n  d: { helm: { lint: chart } }\ngate:\n  - http: http://a/\n  - tcp: a:1\n  - file: x\n  - rollout: deployment/a\n", underlined: 0 },
  { name: "stages in place are not underlined", file: "pipeline", text: "version: 1\npipeline: a\nstages:\n  - a.yaml\n  - stage: b\n    steps: { x: { shell: make } }\n", underlined: 0 },
  { name: "an unknown key is underlined", file: "stage", text: "stage: a\nsteps:\n  a: { shell: { rnu: make } }\n", underlined: 1 },
];

const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
let buffer = Buffer.alloc(0), next = 1;
const waiting = new Map(), diagnostics = new Map();
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};
const ask = (method, params) => new Promise((done) => { waiting.set(next, done); send({ id: next++, method, params }); });
const settings = { validate: true, hover: true, completion: true, schemaStore: { enable: false }, schemas: {} };
for (const name of ["pipeline", "stage", "gate"]) settings.schemas[schema(name)] = [`**/*.${name}.yaml`];

child.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const end = buffer.indexOf("\r\n\r\n");
    const length = end < 0 ? null : Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, end))?.[1]);
    if (end < 0 || buffer.length < end + 4 + length) return;
    const message = JSON.parse(buffer.subarray(end + 4, end + 4 + length));
    buffer = buffer.subarray(end + 4 + length);
    if (message.method === "workspace/configuration") {
      send({ id: message.id, result: message.params.items.map(({ section }) => (section === "yaml" ? settings : null)) });
    } else if (message.method === "textDocument/publishDiagnostics") {
      diagnostics.get(message.params.uri)?.(message.params.diagnostics);
    } else if (message.id !== undefined && message.method) {
      send({ id: message.id, result: null });
    } else if (waiting.has(message.id)) {
      waiting.get(message.id)(message.result);
      waiting.delete(message.id);
    }
  }
});

const fail = setTimeout(() => { console.error("the language server gave no answer in 120 s"); child.kill(); process.exit(1); }, 120_000);
await ask("initialize", {
  processId: process.pid, rootUri: pathToFileURL(root).href,
  capabilities: { workspace: { configuration: true }, textDocument: { hover: { contentFormat: ["markdown"] }, completion: { completionItem: { snippetSupport: true } } } },
});
send({ method: "initialized", params: {} });
send({ method: "workspace/didChangeConfiguration", params: { settings: { yaml: settings } } });

let failed = 0;
for (const [index, place] of PLACES.entries()) {
  const uri = pathToFileURL(path.join(root, `target/editors/${index}.${place.file}.yaml`)).href;
  const at = place.text.indexOf("|");
  const text = at < 0 ? place.text : place.text.slice(0, at) + place.text.slice(at + 1);
  const before = text.slice(0, Math.max(at, 0)).split("\n");
  const position = { line: before.length - 1, character: before.at(-1).length };
  const underlined = new Promise((done) => diagnostics.set(uri, done));
  send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
  const found = await underlined;
  let problem = null;
  if (place.offers) {
    const answer = await ask("textDocument/completion", { textDocument: { uri }, position });
    const labels = (answer?.items ?? answer ?? []).map((item) => item.label);
    const missing = place.offers.filter((label) => !labels.includes(label));
    if (missing.length) problem = `does not offer ${missing.join(", ")}; it offers ${labels.slice(0, 40).join(", ")}`;
  } else if (place.says) {
    const answer = await ask("textDocument/hover", { textDocument: { uri }, position });
    const said = JSON.stringify(answer?.contents ?? "");
    if (!said.includes(place.says)) problem = `says ${said}, expected ${place.says}`;
  } else if (found.length > 0 !== place.underlined > 0) {
    problem = `underlines ${JSON.stringify(found.map((one) => one.message))}`;
  }
  failed += problem ? 1 : 0;
  console.log(problem ? `✘ ${place.name}: ${problem}` : `✔ ${place.name}`);
}
clearTimeout(fail);
child.kill();
console.log(`${PLACES.length - failed} of ${PLACES.length} places`);
process.exit(failed ? 1 : 0);
