// The EC2 Query protocol, outwards: a reply as an XML document without indentation. Lists are elements of `<item>`s, and an
// empty list stays as an empty element: clients read an absent one as "not said".

import type { ActReply, ReplyTree, ReplyValue } from "../model/types.ts";

const NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

export interface WireReply {
  readonly httpStatus: number;
  readonly body: string;
}

/** What of an answer goes onto the wire. */
export interface Answer {
  readonly action: string;
  readonly requestId: string;
  readonly reply: ActReply;
}

export function encodeReply(answer: Answer): WireReply {
  const { action, requestId, reply } = answer;
  if (reply.kind === "error") {
    const text = `<Code>${escapeXml(reply.code)}</Code><Message>${escapeXml(reply.message)}</Message>`;
    return {
      httpStatus: reply.httpStatus,
      body: `${DECLARATION}\n<Response><Errors><Error>${text}</Error></Errors><RequestID>${requestId}</RequestID></Response>`,
    };
  }
  const root = `${action}Response`;
  const head = `${DECLARATION}\n<${root} xmlns="${NAMESPACE}"><requestId>${requestId}</requestId>`;
  return { httpStatus: 200, body: `${head}${encodeFields(reply.tree)}</${root}>` };
}

function encodeFields(tree: ReplyTree): string {
  let xml = "";
  for (const name in tree) xml += encodeElement(name, tree[name]);
  return xml;
}

function encodeElement(name: string, value: ReplyValue): string {
  switch (typeof value) {
    case "string":
      return value === "" ? `<${name}/>` : `<${name}>${escapeXml(value)}</${name}>`;
    case "number":
    case "boolean":
      return `<${name}>${value}</${name}>`;
    case "undefined":
      return "";
    default:
      if (!isList(value)) return `<${name}>${encodeFields(value)}</${name}>`;
      if (value.length === 0) return `<${name}/>`;
      return `<${name}>${encodeItems(value)}</${name}>`;
  }
}

function encodeItems(items: readonly ReplyValue[]): string {
  let xml = "";
  for (const item of items) xml += encodeElement("item", item);
  return xml;
}

function isList(value: ReplyTree | readonly ReplyValue[]): value is readonly ReplyValue[] {
  return Array.isArray(value);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 cannot carry these, not even escaped.
const SPECIAL = /[&<>"'\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const SPECIALS = /[&<>"'\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Text as XML carries it; characters that XML 1.0 cannot carry become U+FFFD. */
export function escapeXml(text: string): string {
  return SPECIAL.test(text) ? text.replace(SPECIALS, escapeCharacter) : text;
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
    case "\r":
      return "&#13;";
    default:
      return "\ufffd";
  }
}
