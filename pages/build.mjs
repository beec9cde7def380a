// Builds the pages that the app serves, from their sources in this folder and from npm packages, into shared/pages/built.
// The sources of the dashboard are TypeScript; esbuild makes one script and one style sheet of them.
//
//   node pages/build.mjs
//
// The folder holds manifest.json and, of every file, one copy compressed with gzip and one with Brotli. A file is named by the hash
// of its content, so that browsers may keep it for good. manifest.json has, for each path below /api, the file with its type and size;
// the packages whose code is in the pages; and a hash of everything that went in. Where that hash is the same, nothing is written.
// Bundles are made each time, which takes less than it would to say what they depend on, and go into the hash as they are.
// The same sources give the same bytes with the same version of Node.js.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

// Each page: its HTML, the files that the HTML names as "<page>/<file>", and the packages that ship with it.
// Licences of the packages become the page's file licenses.txt. `bundles` are files that esbuild makes, each of a source that
// imports the others. `kilobytesMax` is for the page and its files together, compressed with gzip.
const PAGES = {
  docs: {
    html: "pages/docs/index.html",
    files: [
      "pages/docs/docs.css",
      "pages/docs/docs.js",
      "node_modules/swagger-ui-dist/swagger-ui.css",
      "node_modules/swagger-ui-dist/swagger-ui-bundle.js",
    ],
    packages: { "swagger-ui-dist": ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"] },
  },
  dashboard: {
    html: "pages/dashboard/index.html",
    bundles: { "dashboard.css": "pages/dashboard/dashboard.css", "dashboard.js": "pages/dashboard/main.tsx" },
    packages: { preact: ["LICENSE"], "openapi-fetch": ["LICENSE"] },
    kilobytesMax: 100,
  },
};
const BUNDLER = "esbuild";

const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain" };
const HASH_CHARACTERS = 20;

class BuildError extends Error {}

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const TARGET = path.join(ROOT, "shared", "pages", "built");

const hashOf = (content) => createHash("sha256").update(content).digest("hex").slice(0, HASH_CHARACTERS);

function read(name) {
  try {
    return readFileSync(path.join(ROOT, name));
  } catch (error) {
    const advice = name.startsWith("node_modules/") ? "; `make setup` installs it" : "";
    throw new BuildError(`${name} is missing (${error.code})${advice}`);
  }
}

// A package as it is installed: name, version, licence, texts. One that is not of the pinned version is refused.
function readPackage(name, texts) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(read(`${folder}/package.json`));
  const { dependencies, devDependencies } = JSON.parse(read("package.json"));
  const pinned = { ...devDependencies, ...dependencies }[name];
  if (version !== pinned) {
    throw new BuildError(`node_modules has ${name} ${version} and package.json wants ${pinned}; \`make setup\` installs it`);
  }
  return { name, version, license, texts: texts.map((text) => [text, read(`${folder}/${text}`).toString("utf8").trimEnd()]) };
}

// As infra/scripts/package.py writes the licences of the Python packages.
const licences = (packages) =>
  packages
    .map(({ name, version, license, texts }) => {
      const line = "=".repeat(100);
      return [`${line}\n${name} ${version}: ${license}\n${line}\n`, ...texts.map(([file, text]) => `--- ${file}\n${text}\n`)].join("\n");
    })
    .join("\n");

// One file of `source` and all that it imports.
async function bundle(source) {
  readPackage(BUNDLER, []); // only for its version
  const { build } = await import(BUNDLER);
  try {
    const { outputFiles } = await build({
      absWorkingDir: ROOT,
      entryPoints: [source],
      bundle: true,
      charset: "utf8",
      define: { "process.env.NODE_ENV": '"production"' },
      format: "iife",
      jsx: "automatic",
      jsxImportSource: "preact",
      legalComments: "none", // licenses.txt has them
      logLevel: "silent",
      minify: true,
      target: "es2022",
      tsconfigRaw: {}, // what else is in tsconfig.json is for the type checker
      write: false,
    });
    return Buffer.from(outputFiles[0].contents);
  } catch (error) {
    const [first] = error.errors ?? [];
    if (first === undefined) {
      throw error;
    }
    const where = first.location ? `${first.location.file}:${first.location.line}: ` : "";
    throw new BuildError(`${where}${first.text.replace(/\.$/, "")}`);
  }
}

// Every input, read once: what is hashed is what is built.
async function readInputs() {
  const inputs = {};
  for (const [page, { html, files = [], bundles = {}, packages, kilobytesMax }] of Object.entries(PAGES)) {
    const installed = Object.entries(packages).map(([name, texts]) => readPackage(name, texts));
    const contents = files.map((file) => [path.basename(file), read(file)]);
    for (const [name, source] of Object.entries(bundles)) {
      contents.push([name, await bundle(source)]);
    }
    if (installed.length > 0) {
      contents.push(["licenses.txt", Buffer.from(licences(installed))]);
    }
    inputs[page] = { html: read(html).toString("utf8"), contents, packages: installed, kilobytesMax };
  }
  return inputs;
}

function fingerprint(inputs) {
  const hash = createHash("sha256").update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(JSON.stringify([process.versions.zlib, process.versions.brotli]));
  for (const [page, { html, contents, packages }] of Object.entries(inputs)) {
    hash.update(JSON.stringify([page, html, packages, contents.map(([name, content]) => [name, hashOf(content)])]));
  }
  return hash.digest("hex");
}

function isBuilt(wanted) {
  const manifest = path.join(TARGET, "manifest.json");
  // The manifest is written last, and the folder takes its place whole.
  return existsSync(manifest) && JSON.parse(readFileSync(manifest)).inputs === wanted;
}

// Write `content` compressed into `folder`; returns its entry in the manifest.
function store(folder, name, content) {
  const suffix = path.extname(name);
  if (!(suffix in TYPES)) {
    throw new BuildError(`${name}: no content type is known for ${suffix || "a name without suffix"}`);
  }
  const file = `${path.basename(name, suffix)}-${hashOf(content)}${suffix}`;
  const gzip = gzipSync(content, { level: constants.Z_BEST_COMPRESSION });
  const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
  writeFileSync(path.join(folder, `${file}.gz`), gzip);
  writeFileSync(path.join(folder, `${file}.br`), brotli);
  return { file, type: TYPES[suffix], bytes: content.length, gzipBytes: gzip.length, brotliBytes: brotli.length };
}

function buildPage(folder, page, { html, contents, kilobytesMax = Infinity }) {
  const entries = {};
  let linked = html;
  for (const [name, content] of contents) {
    const reference = `"${page}/${name}"`;
    if (!linked.includes(reference)) {
      throw new BuildError(`${page}: its HTML does not name ${reference}`);
    }
    const entry = store(folder, name, content);
    linked = linked.replaceAll(reference, `"${page}/${entry.file}"`);
    entries[`${page}/${entry.file}`] = entry;
  }
  const stored = { [page]: store(folder, `${page}.html`, Buffer.from(linked)), ...entries };
  const kilobytes = Object.values(stored).reduce((sum, { gzipBytes }) => sum + gzipBytes, 0) / 1000;
  if (kilobytes > kilobytesMax) {
    throw new BuildError(`${page}: its files are ${Math.ceil(kilobytes)} kB compressed, and may be ${kilobytesMax} kB`);
  }
  return stored;
}

// Put the built folder in its place. Another build may do so between the two steps; then its result serves.
function replaceTarget(folder, wanted) {
  rmSync(TARGET, { recursive: true, force: true });
  try {
    renameSync(folder, TARGET);
  } catch (error) {
    if (!isBuilt(wanted)) {
      throw error;
    }
  }
}

async function build() {
  const inputs = await readInputs();
  const wanted = fingerprint(inputs);
  if (isBuilt(wanted)) {
    return;
  }
  console.error("Building the pages ...");
  mkdirSync(path.dirname(TARGET), { recursive: true });
  const folder = mkdtempSync(`${TARGET}-`);
  try {
    const files = Object.assign({}, ...Object.entries(inputs).map(([page, input]) => buildPage(folder, page, input)));
    const packages = Object.values(inputs).flatMap((input) =>
      input.packages.map(({ name, version, license }) => ({ name, version, license })),
    );
    writeFileSync(path.join(folder, "manifest.json"), `${JSON.stringify({ inputs: wanted, files, packages }, null, 2)}\n`);
    chmodSync(folder, 0o755); // mkdtemp keeps other users out
    replaceTarget(folder, wanted);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await build();
} catch (error) {
  if (!(error instanceof BuildError)) {
    throw error;
  }
  console.error(`The pages could not be built: ${error.message}.`);
  process.exitCode = 1;
}
