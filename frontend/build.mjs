// `npm ci && npm run build`: bundles into static/vendor, with the licences and hashes of what is in them.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = new URL("../static/vendor/codemirror/", import.meta.url);
const file = "codemirror.min.js";
mkdirSync(out, { recursive: true });

const { metafile } = await build({
  entryPoints: ["codemirror.js"], bundle: true, minify: true, format: "iife", globalName: "CodeMirror",
  target: "es2022", legalComments: "none", metafile: true, outfile: new URL(file, out).pathname,
});

const names = new Set(Object.keys(metafile.inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
const packages = [...names].sort().map((name) => {
  const { version, license, integrity } = lock[`node_modules/${name}`];
  return { name, version, licence: license, integrity };
});
const licences = packages.map(({ name, version }) =>
  `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`);
const sha256 = createHash("sha256").update(readFileSync(new URL(file, out))).digest("hex");

writeFileSync(new URL("LICENSE", out), licences.join("\n---\n\n"));
writeFileSync(new URL("VENDORED.json", out), `${JSON.stringify({
  name: "codemirror", version: packages.find(({ name }) => name === "@codemirror/view").version, licence: "MIT",
  changes: "bundled by frontend/build.mjs", packages, sha256: { [file]: sha256 },
}, null, 2)}\n`);
