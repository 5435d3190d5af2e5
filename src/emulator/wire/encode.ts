// A reply as EC2's XML: no indentation, empty sets as empty elements, text escaped. Strings are joined by hand, since a page of
// 1,000 ENIs is half a million characters.

import type { ActResult, ReplyTree, ReplyValue } from "../model/index.ts";

const NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

export interface WireReply {
  readonly httpStatus: number;
  /** Send as `text/xml;charset=UTF-8`. */
  readonly body: string;
}

export function encodeReply(result: Pick<ActResult, "action" | "requestId" | "reply">): WireReply {
  const { reply, requestId } = result;
  if (reply.kind === "error") {
    const error = `<Error><Code>${escapeText(reply.code)}</Code><Message>${escapeText(reply.message)}</Message></Error>`;
    return {
      httpStatus: reply.httpStatus,
      body: `${DECLARATION}\n<Response><Errors>${error}</Errors><RequestID>${requestId}</RequestID></Response>`,
    };
  }
  const root = `${result.action}Response`;
  const body = `<requestId>${requestId}</requestId>${encodeTree(reply.tree)}`;
  return { httpStatus: 200, body: `${DECLARATION}\n<${root} xmlns="${NAMESPACE}">${body}</${root}>` };
}

function encodeTree(tree: ReplyTree): string {
  let text = "";
  for (const name in tree) {
    const value = tree[name];
    if (value !== undefined) text += element(name, value);
  }
  return text;
}

function element(name: string, value: Exclude<ReplyValue, undefined>): string {
  if (typeof value === "string") return value === "" ? `<${name}/>` : `<${name}>${escapeText(value)}</${name}>`;
  if (typeof value !== "object") return `<${name}>${value}</${name}>`;
  let inner = "";
  if (Array.isArray(value)) {
    for (const item of value as readonly ReplyValue[]) if (item !== undefined) inner += element("item", item);
  } else inner = encodeTree(value as ReplyTree);
  return inner === "" ? `<${name}/>` : `<${name}>${inner}</${name}>`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the characters that XML 1.0 cannot hold.
const SPECIAL = /[&<>"'\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const ALL_SPECIAL = new RegExp(SPECIAL, "g");

function escapeText(text: string): string {
  return SPECIAL.test(text) ? text.replace(ALL_SPECIAL, escapeCharacter) : text;
}

function escapeCharacter(character: string): string {
  switch (character) {
    case "&":
      return "&amp;";
    case "<":
      return "&lt;";
    case ">":
      return "&gt;";
    case '"':
      return "&quot;";
    case "'":
      return "&apos;";
    // A parser would turn a bare one into a line feed.
    case "\r":
      return "&#13;";
    // XML 1.0 has no way to write these.
    default:
      return "\ufffd";
  }
}
