// User data of an instance, in whatever it is written: MIME parts, plain or base64, nodeadm's NodeConfig, a shell script that
// calls bootstrap.sh, Bottlerocket's TOML. What it says about max-pods, with places in the file it stands in.

import type { CheckError } from "../../../text/check-error.ts";
import { placeYamlIn } from "../../../text/placed-yaml.ts";
import type { TextFrame } from "../../../text/text-frame.ts";
import type { NodeBootstrap, Source } from "../../facts/model.ts";
import { base64Bytes } from "../node/base64.ts";
import { Placed } from "../placed.ts";
import { readBootstrapArguments } from "./bootstrap-arguments.ts";
import { isBottlerocket, readBottlerocket } from "./bottlerocket.ts";
import { nodeConfigFields } from "./node-config.ts";

export interface UserDataFound {
  /** Of the last part that says anything, as the parts are merged on the node. */
  readonly origin: "nodeadm" | "bootstrap.sh" | "bottlerocket" | undefined;
  readonly fields: Partial<NodeBootstrap>;
  /** Where the part begins that decides. */
  readonly at: Source | undefined;
  readonly errors: readonly CheckError[];
}

const NOTHING: UserDataFound = { origin: undefined, fields: {}, at: undefined, errors: [] };
const DEPTH_MAX = 4;

export function readUserData(frame: TextFrame, depth = 0): UserDataFound {
  const { text } = frame;
  if (depth > DEPTH_MAX) return NOTHING;
  if (isMime(text)) return merge(mimeParts(frame).map((part) => readUserData(part, depth + 1)));
  const decoded = decodeBase64(text);
  if (decoded !== undefined) return readUserData(frame.opaque(decoded, { start: 0, end: text.length }), depth + 1);
  if (isNodeConfig(text)) return nodeConfigs(frame);
  if (isShell(text)) return shellScript(frame);
  if (isBottlerocket(text)) {
    const { fields, at, error } = readBottlerocket(frame);
    const origin = fields === undefined ? undefined : ("bottlerocket" as const);
    return { origin, fields: fields ?? {}, at, errors: error === undefined ? [] : [error] };
  }
  return NOTHING;
}

export function isMime(text: string): boolean {
  return /^[ \t]*Content-Type:[ \t]*multipart\//im.test(text.slice(0, 4096));
}

export function isNodeConfig(text: string): boolean {
  return /^[ \t]*apiVersion:[ \t]*["']?node\.eks\.aws\//m.test(text) && !/^\s*#!/.test(text);
}

function isShell(text: string): boolean {
  return /^\s*#!/.test(text) || /\/etc\/eks\/bootstrap\.sh\b/.test(text) || /--max-pods[= ]/.test(text);
}

/** Later parts win, field by field. */
function merge(parts: readonly UserDataFound[]): UserDataFound {
  return parts.reduce(
    (all, part) => ({
      origin: part.origin ?? all.origin,
      fields: { ...all.fields, ...part.fields },
      at: part.at ?? all.at,
      errors: [...all.errors, ...part.errors],
    }),
    NOTHING,
  );
}

function mimeParts(frame: TextFrame): TextFrame[] {
  const { text } = frame;
  const boundary = /boundary=(?:"([^"\n]+)"|([^\s;]+))/i.exec(text.slice(0, 4096));
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) return [];
  const marks: { start: number; end: number }[] = [];
  for (const match of text.matchAll(/^[ \t]*--(.*?)(--)?[ \t]*\r?$/gm)) {
    const isMark = match[1] === name || (match[1] ?? "") + (match[2] ?? "") === name;
    if (isMark) marks.push({ start: match.index, end: match.index + match[0].length });
  }
  return marks.flatMap((mark, index) => {
    const part = frame.slice({ start: mark.end, end: marks[index + 1]?.start ?? text.length });
    const blank = /\r?\n[ \t]*\r?\n/.exec(part.text.replace(/^\r?\n/, (lineBreak) => " ".repeat(lineBreak.length)));
    if (blank === null) return [];
    const start = blank.index + blank[0].length;
    const headers = part.text.slice(0, start);
    const body = part.slice({ start, end: part.text.length });
    if (!/^content-transfer-encoding:[ \t]*base64/im.test(headers)) return [body];
    const decoded = decodeBase64(body.text);
    return decoded === undefined ? [] : [body.opaque(decoded, { start: 0, end: body.text.length })];
  });
}

function nodeConfigs(frame: TextFrame): UserDataFound {
  const { documents, errors } = placeYamlIn(frame);
  const found = documents
    .map((document) => new Placed(document))
    .filter((object) => object.get("kind").text === "NodeConfig")
    .map(
      (object): UserDataFound => ({ origin: "nodeadm", fields: nodeConfigFields(object), at: object.at, errors: [] }),
    );
  return merge([...found, { ...NOTHING, errors }]);
}

/** The call of bootstrap.sh with its continued lines; without one, a max-pods flag that a script writes somewhere. */
function shellScript(frame: TextFrame): UserDataFound {
  const { text } = frame;
  const call = [...text.matchAll(/^[^\n#]*\/bootstrap\.sh[ \t]+((?:[^\n\\]|\\\r?\n|\\[^\n])*)/gm)].at(-1);
  if (call?.[1] !== undefined && !/\bsed\b/.test(call[0].slice(0, call[0].indexOf("bootstrap.sh")))) {
    const end = call.index + call[0].length;
    const range = { start: end - call[1].length, end };
    const at = sourceOf(frame, range.start);
    return { origin: "bootstrap.sh", fields: readBootstrapArguments(call[1], at), at, errors: [] };
  }
  const flag = [...text.matchAll(/^[^\n#]*--max-pods(?:=|[ \t]+)(\d{1,9})\b/gm)].at(-1);
  if (flag === undefined) return NOTHING;
  const at = sourceOf(frame, flag.index + flag[0].indexOf("--max-pods"));
  return { origin: "bootstrap.sh", fields: { maxPods: { value: Number(flag[1]), at } }, at, errors: [] };
}

function sourceOf(frame: TextFrame, offset: number): Source {
  const { line, column } = frame.place({ start: offset, end: offset });
  return { file: frame.file, line, column };
}

/** The text; undefined when it is no base64 or holds none of what user data begins with. */
function decodeBase64(text: string): string | undefined {
  const compact = text.replace(/\s+/g, "");
  if (compact.length < 16 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return undefined;
  const bytes = base64Bytes(compact);
  if (bytes === undefined) return undefined;
  let percent = "";
  for (const byte of bytes) percent += `%${byte.toString(16).padStart(2, "0")}`;
  try {
    const decoded = decodeURIComponent(percent);
    return /^\s*(?:#|MIME|Content-|---|apiVersion|\[|settings)/i.test(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}
