// The EC2 Query protocol, inwards: a form (request body or query string) becomes an action with its flattened parameters.
// A form that cannot be read becomes an error reply; nothing throws.
//
// Names and codes: docs.aws.amazon.com/ec2/latest/devguide/ec2-query-api.html and the EC2 error list, read 2026-08.

import type { ActReply, ActRequest } from "../model/types.ts";

type ErrorReply = Extract<ActReply, { kind: "error" }>;

export type DecodedRequest = { readonly kind: "request"; readonly request: ActRequest } | ErrorReply;

/** A request that names 1,000 ENIs and 200 filter values stays far below. */
const PARAMETER_COUNT_MAX = 10_000;

/** Query-string authentication and the like: part of every action, not of one. */
const COMMON_PARAMETERS: ReadonlySet<string> = new Set([
  "AWSAccessKeyId",
  "Expires",
  "SecurityToken",
  "Signature",
  "SignatureMethod",
  "SignatureVersion",
  "Timestamp",
]);

/** The call that the form carries. A name that comes twice has its last value. */
export function decodeRequest(form: string): DecodedRequest {
  const params = new Map<string, string>();
  let action: string | undefined;
  let version: string | undefined;
  let count = 0;
  for (let start = 0; start < form.length; ) {
    let end = form.indexOf("&", start);
    if (end < 0) end = form.length;
    if (end > start) {
      if (++count > PARAMETER_COUNT_MAX) {
        return malformed(`The request has more than ${PARAMETER_COUNT_MAX} parameters.`);
      }
      let equals = form.indexOf("=", start);
      if (equals < 0 || equals > end) equals = end;
      const name = decodePart(form.slice(start, equals));
      const value = decodePart(form.slice(Math.min(equals + 1, end), end));
      if (name === undefined || value === undefined) {
        return malformed(`The request has a malformed percent escape at character ${start + 1}.`);
      }
      if (name === "Action") action = value;
      else if (name === "Version") version = value;
      else if (name !== "" && !COMMON_PARAMETERS.has(name) && !name.startsWith("X-Amz-")) params.set(name, value);
    }
    start = end + 1;
  }
  if (action === undefined || action === "") {
    return error("MissingAction", "The request is missing an action or a required parameter.");
  }
  if (version === undefined || version === "") {
    return error("MissingParameter", "The request must contain the parameter Version");
  }
  if (!/^\d{4}-\d\d-\d\d$/.test(version)) {
    return error("NoSuchVersion", "The requested version of the service does not exist.");
  }
  return { kind: "request", request: { action, params } };
}

/** `+` and `%20` are both spaces; undefined for an escape that is cut short or is not UTF-8. */
function decodePart(text: string): string | undefined {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}

function malformed(message: string): ErrorReply {
  return error("MalformedQueryString", message);
}

function error(code: string, message: string): ErrorReply {
  return { kind: "error", code, message, httpStatus: 400 };
}
