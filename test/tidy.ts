// The rules of the house as functions on file texts, so that each can be seen failing on a planted violation.
// test/tidy.test.ts runs them over the repository. A finding says where, what, and what to do instead.

import { dirname, join, normalize } from "node:path/posix";

/** Path from the repository's root to text. */
export type Files = ReadonlyMap<string, string>;

/** Folders that run unchanged in the agent, a simulator and a page: no IO, no clock, no hidden order. */
export const PURE_FOLDERS: readonly string[] = [
  "src/base/",
  "src/catalog/",
  "src/metrics/",
  "src/netlink/",
  "src/datapath/",
  "src/ports/",
  "src/ipam/",
  "src/emulator/model/",
  "src/emulator/actions/",
  "src/emulator/wire/",
  "src/subnet/",
  "src/cluster/",
  "src/world/",
  "src/sim/",
  "src/text/",
  "src/plan/",
  "src/trace/",
  "src/prove/",
  "src/diagnose/facts/",
  "src/diagnose/readers/",
  "src/diagnose/doctor/",
  "src/diagnose/lint/",
  "src/diagnose/map/",
  "src/diagnose/render/",
];

/** Which folder may import which others; everyone may import itself and src/base. `type:` allows types alone. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "src/base": [],
  "src/catalog": [],
  "src/metrics": [],
  "src/netlink": [],
  "src/datapath": ["src/netlink"],
  "src/ports": ["type:src/ipam", "type:src/datapath"],
  "src/ipam": ["src/catalog", "src/subnet"],
  "src/emulator/model": ["src/catalog"],
  "src/emulator/actions": ["src/catalog", "src/emulator/model"],
  "src/emulator/wire": ["src/catalog", "src/emulator/model", "src/emulator/actions"],
  "src/emulator/server": [
    "src/catalog",
    "src/emulator/model",
    "src/emulator/actions",
    "src/emulator/wire",
    "src/ports",
    "src/text",
  ],
  "src/subnet": ["src/catalog"],
  "src/text": [],
  "src/cluster": ["src/catalog", "src/text"],
  "src/plan": ["src/catalog", "src/text", "src/cluster", "src/subnet", "src/ipam", "src/sim"],
  "src/trace": ["src/catalog", "src/ipam", "src/text", "src/cluster", "src/diagnose/facts", "src/diagnose/readers"],
  "src/prove": [
    "src/catalog",
    "src/ipam",
    "src/text",
    "src/cluster",
    "src/world",
    "src/sim",
    "src/trace",
    "src/emulator/model",
    "src/diagnose/facts",
    "src/diagnose/doctor",
  ],
  "src/diagnose/facts": ["src/catalog", "src/ipam", "src/text"],
  "src/diagnose/readers": ["src/catalog", "src/ipam", "src/text", "src/diagnose/facts"],
  "src/diagnose/collect": [
    "src/catalog",
    "src/ipam",
    "src/text",
    "src/ports",
    "src/drivers",
    "src/subnet",
    "src/diagnose/facts",
    "src/diagnose/readers",
  ],
  // The datapath for the pages of its problems.
  "src/diagnose/doctor": ["src/catalog", "src/ipam", "src/datapath", "src/text", "src/subnet", "src/diagnose/facts"],
  "src/diagnose/lint": ["src/catalog", "src/ipam", "src/text", "src/subnet", "src/diagnose/facts"],
  "src/diagnose/map": ["src/catalog", "src/text", "src/subnet", "src/diagnose/facts"],
  "src/diagnose/render": [
    "src/catalog",
    "src/ipam",
    "src/text",
    "src/subnet",
    "src/diagnose/facts",
    "src/diagnose/doctor",
    "src/diagnose/lint",
    "src/diagnose/map",
  ],
  "src/drivers": ["src/catalog", "src/ports", "src/ipam", "src/netlink", "src/datapath"],
  "src/rpc": [],
  "src/agent": ["src/catalog", "src/metrics", "src/ports", "src/ipam", "src/rpc", "src/netlink", "src/datapath"],
  "src/install": ["src/catalog", "src/ipam"],
  // The engine and drivers as types alone, so that the executable stays small; its main.ts loads what else it needs, late.
  "src/cni": ["src/netlink", "src/datapath", "type:src/ipam", "src/ports", "type:src/drivers"],
  "src/world": ["src/catalog", "src/text", "src/cluster", "src/emulator/model"],
  "src/sim": [
    "src/catalog",
    "src/text",
    "src/cluster",
    "src/world",
    "src/subnet",
    "src/emulator/model",
    "src/emulator/actions",
    "src/ipam",
  ],
  "src/up": [
    "src/catalog",
    "src/text",
    "src/cluster",
    "src/world",
    "src/subnet",
    "src/emulator/model",
    "src/emulator/actions",
    "src/emulator/wire",
    "src/emulator/server",
    "src/ports",
    "src/drivers",
    "src/ipam",
    "src/rpc",
  ],
};

/** These build drivers and hand them in: they may import everything. */
function isAssembler(path: string): boolean {
  return path.startsWith("src/cli/") || path.endsWith("/main.ts");
}

/** Tests and what only they use. */
export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || path.startsWith("test/") || path.includes("/testing/");
}

/** The text with comments blanked; with `strings`, the insides of string literals too. Lines stay where they are. */
export function blank(text: string, options: { readonly strings: boolean }): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;
  return text.replace(token, (found) => {
    const isComment = found.startsWith("//") || found.startsWith("/*");
    if (!isComment && !options.strings) return found;
    const hole = found.replace(/[^\n]/g, " ");
    return isComment ? hole : `"${hole.slice(1, -1)}"`;
  });
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
}

const PURE_BANS: readonly Ban[] = [
  { pattern: /\bnew Date\b|\bDate\s*[.(]/g, instead: "take nowMs as an argument, or base/calendar.ts for dates" },
  { pattern: /\bperformance\s*\./g, instead: "take nowMs as an argument" },
  { pattern: /\bcrypto\b\s*\./g, instead: "draw from a Prng, or hash in base" },
  {
    pattern: /\basync\b(?=\s*(?:function|\(|[\w$]+\s*(?:=>|\()))|\bawait\b/g,
    instead: "yield intentions and receive outcomes",
  },
  { pattern: /\bnew Promise\b|\bPromise\s*\./g, instead: "yield intentions and receive outcomes" },
  { pattern: /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g, instead: "say when with wakeAt()" },
  { pattern: /\bprocess\s*[.[]/g, instead: "take the value as an argument; the environment is read in main.ts" },
  { pattern: /\bBun\s*\./g, instead: "move it to src/drivers behind a port" },
  { pattern: /\bfetch\s*\(/g, instead: "move it to src/drivers behind a port" },
  { pattern: /\bglobalThis\b/g, instead: "take the value as an argument" },
  { pattern: /\bconsole\s*\./g, instead: "emit a log effect" },
  { pattern: /\.(?:localeCompare|toLocale\w+)\s*\(/g, instead: "compare code units: a < b" },
  { pattern: /\bIntl\s*\./g, instead: "format by hand: locales differ between machines" },
  { pattern: /\.(?:sort|toSorted)\(\s*\)/g, instead: "give a comparator" },
];

const EVERYWHERE_BANS: readonly Ban[] = [
  { pattern: /\bMath\.random\b/g, instead: "draw from a Prng split by name, seeded in main.ts" },
  { pattern: /:\s*any\b|\bas any\b|<any>/g, instead: "write the type, or unknown" },
];

/** Names that pure code may not use, and those that no code may. `path` decides which apply. */
export function bannedNames(path: string, text: string): string[] {
  if (isTest(path)) return [];
  const code = blank(text, { strings: true });
  const bans = [...(PURE_FOLDERS.some((folder) => path.startsWith(folder)) ? PURE_BANS : []), ...EVERYWHERE_BANS];
  const found = new Set<string>();
  for (const ban of bans) {
    for (const match of code.matchAll(ban.pattern))
      found.add(`${path}:${lineOf(code, match.index)}: ${match[0].trim()} is not for this folder: ${ban.instead}`);
  }
  if (PURE_FOLDERS.some((folder) => path.startsWith(folder))) {
    for (const imported of importsOf(text))
      if (/^(?:node:|bun\b|bun:)/.test(imported.specifier))
        found.add(`${path}:${imported.line}: ${imported.specifier} is not for this folder: move it behind a port`);
  }
  return [...found];
}

/** Who reads the real clock, and why nobody else has to. */
const CLOCK_READERS: Readonly<Record<string, string>> = {
  "src/drivers/clock-system.ts": "it is the clock",
  "src/rpc/services.ts": "gRPC takes a call's deadline as real wall time, whatever the rate of ours",
};

/** The real clock is read in those files alone. */
export function clockReads(path: string, text: string): string[] {
  if (!path.startsWith("src/") || isTest(path) || CLOCK_READERS[path] !== undefined) return [];
  const code = blank(text, { strings: true });
  return [
    ...code.matchAll(/\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bBun\.nanoseconds\b|\bhrtime\b/g),
  ].map(
    (match) => `${path}:${lineOf(code, match.index)}: ${match[0]} reads the clock: ask a Clock (src/ports/clock.ts)`,
  );
}

/** Unfinished work and switched-off tests. */
export function leftovers(path: string, text: string): string[] {
  if (!path.endsWith(".ts") || path.startsWith("test/tidy")) return [];
  const pattern =
    /\b(?:TO[D]O|FIX[M]E|XX[X])\b|\bnot (?:yet )?implemented\b|\b(?:test|it|describe)\.(?:skip|only|todo)\b/gi;
  return [...text.matchAll(pattern)].map(
    (match) => `${path}:${lineOf(text, match.index)}: "${match[0]}": finish it, or take it out`,
  );
}

export interface ImportedModule {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
  readonly line: number;
}

/** Static, re-exporting and literal dynamic imports. */
export function importsOf(text: string): ImportedModule[] {
  const code = blank(text, { strings: false });
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?["']([^"'\n]+)["']|\bimport\(\s*["']([^"'\n]+)["']\s*\)/g;
  return [...code.matchAll(pattern)].map((match) => ({
    specifier: match[2] ?? match[3] ?? "",
    isTypeOnly: match[1] !== undefined,
    line: lineOf(code, match.index + match[0].length),
  }));
}

/** The file that a relative import means, from the repository's root; undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : undefined;
}

export function folderOf(path: string): string | undefined {
  const parts = path.split("/");
  if (parts[0] !== "src" || parts.length < 3) return undefined;
  return parts[1] === "emulator" || parts[1] === "diagnose" ? parts.slice(0, 3).join("/") : parts.slice(0, 2).join("/");
}

/** Imports that cross a line of the table. */
export function forbiddenImports(path: string, text: string): string[] {
  const folder = folderOf(path);
  if (folder === undefined || path.endsWith(".d.ts") || isTest(path) || isAssembler(path)) return [];
  const allowed = MAY_IMPORT[folder];
  if (allowed === undefined) return [`${path}: folder ${folder} is not in the table of test/tidy.ts: add its row`];
  const findings: string[] = [];
  for (const imported of importsOf(text)) {
    const target = resolveImport(path, imported.specifier);
    const other = target === undefined ? undefined : folderOf(target);
    if (other === undefined || other === folder || other === "src/base" || allowed.includes(other)) continue;
    if (imported.isTypeOnly && allowed.includes(`type:${other}`)) continue;
    findings.push(`${path}:${imported.line}: ${folder} may not import ${other}: pass it in, or through src/ports`);
  }
  return findings;
}

/** Sources that nothing reachable from `roots` imports. Declaration files count as reachable. */
export function deadFiles(files: Files, roots: readonly string[]): string[] {
  const reached = new Set<string>();
  const queue = [...roots];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const text = files.get(path);
    if (reached.has(path) || text === undefined) continue;
    reached.add(path);
    for (const imported of importsOf(text)) {
      const target = resolveImport(path, imported.specifier);
      if (target !== undefined) queue.push(target);
    }
  }
  return [...files.keys()]
    .filter((path) => path.startsWith("src/") && path.endsWith(".ts"))
    .filter((path) => !isTest(path) && !path.endsWith(".d.ts") && !reached.has(path))
    .map((path) => `${path}: no command, script or bench reaches it: use it or delete it`);
}

/** A source opens by saying what it holds. */
export function missingOpening(path: string, text: string): string[] {
  if (!path.endsWith(".ts") || path.endsWith(".test.ts") || path.endsWith(".d.ts")) return [];
  const first = (text.startsWith("#!") ? text.slice(text.indexOf("\n") + 1) : text).slice(0, 2);
  return first === "//" || first === "/*" ? [] : [`${path}:1: open with a line that says what the file holds`];
}

export const LINE_COUNT_MAX = 500;

/** Long files, unless `reasons` says why one stays whole. */
export function longFiles(path: string, text: string, reasons: Readonly<Record<string, string>>): string[] {
  if (!path.endsWith(".ts") || isTest(path) || reasons[path] !== undefined) return [];
  const lineCount = text.split("\n").length - 1;
  return lineCount > LINE_COUNT_MAX
    ? [`${path}: ${lineCount} lines, more than ${LINE_COUNT_MAX}: split it, or give a reason in test/tidy.test.ts`]
    : [];
}

/** Paths of the machine that something was written on. */
export function machinePaths(path: string, text: string): string[] {
  return [...text.matchAll(/(?<![\w.$}])\/(?:work|root|home|Users)\/[\w.-]+|\/tmp\/bash_jobs/g)].map(
    (match) => `${path}:${lineOf(text, match.index)}: ${match[0]} is a path of one machine`,
  );
}

const FILE_LENGTH_MAX = 512 * 1024;

/** What is that long was built, and not written. */
export function largeFiles(path: string, text: string): string[] {
  if (text.length <= FILE_LENGTH_MAX) return [];
  return [`${path}: ${Math.round(text.length / 1024)} KiB: leave it out of the repository, or add it to .gitignore`];
}

/** The lock file names no registry: any mirror serves. */
export function registryHosts(lock: string): string[] {
  return [...lock.matchAll(/"resolved":\s*"(https?:[^"]+)"/g)].map(
    (match) => `package-lock.json: ${match[1]}: set omit-lockfile-registry-resolved=true in .npmrc and install again`,
  );
}

/** Packages that are imported but not listed, and listed but not imported. `tools` are used by name, not by import. */
export function packageMismatches(
  files: Files,
  packageFile: { readonly dependencies?: object; readonly devDependencies?: object },
  tools: readonly string[],
): string[] {
  const listed = new Set([
    ...Object.keys(packageFile.dependencies ?? {}),
    ...Object.keys(packageFile.devDependencies ?? {}),
  ]);
  const used = new Set<string>();
  const findings: string[] = [];
  for (const [path, text] of files) {
    if (!path.endsWith(".ts")) continue;
    for (const { specifier, line } of importsOf(text)) {
      if (specifier.startsWith(".") || /^(?:node:|bun$|bun:)/.test(specifier)) continue;
      const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
      used.add(name);
      if (!listed.has(name)) findings.push(`${path}:${line}: ${name} is not in package.json`);
    }
  }
  for (const name of listed)
    if (!used.has(name) && !tools.includes(name)) findings.push(`package.json: nothing imports ${name}: remove it`);
  return findings;
}

/** Relative links in a Markdown file whose target is not there. */
export function brokenLinks(path: string, text: string, exists: (path: string) => boolean): string[] {
  const findings: string[] = [];
  const prose = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, (code) => code.replace(/[^\n]/g, " "));
  for (const match of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    const target = (match[1] ?? "").split("#", 1)[0] ?? "";
    if (target === "" || /^[a-z]+:/.test(target)) continue;
    if (!exists(normalize(join(dirname(path), target))))
      findings.push(`${path}:${lineOf(prose, match.index)}: the link ${target} leads nowhere`);
  }
  return findings;
}

/** Commands of a page that a shell which follows it from the top would not find. */
export function commandsNotFound(path: string, text: string): string[] {
  const findings: string[] = [];
  let isOnPath = false;
  for (const block of text.matchAll(/^```[a-z]*\n([\s\S]*?)^```/gm))
    for (const [index, line] of (block[1] ?? "").split("\n").entries()) {
      isOnPath ||= line === "export PATH=$PWD/bin:$PATH";
      const at = `${path}:${lineOf(text, block.index) + 1 + index}`;
      if (/^(?:\$ )?sudo /.test(line)) findings.push(`${at}: sudo may be absent and drops PATH: say "as root"`);
      if (/^(?:\$ )?bin\/slash28 /.test(line)) findings.push(`${at}: bin is on PATH by now: write slash28`);
      if (/^(?:\$ )?slash28 [a-z]/.test(line) && !isOnPath) findings.push(`${at}: bin is not on PATH yet`);
    }
  return findings;
}
