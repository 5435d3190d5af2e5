// A Query request from its form text (a body, or a query string): percent escapes and plus signs, UTF-8, action and version.
// Anything that is not one becomes an error reply as EC2 words it; nothing throws.

import type { ActReply, ActRequest } from "../model/index.ts";

export type DecodedRequest =
  | { readonly kind: "request"; readonly request: ActRequest }
  | Extract<ActReply, { kind: "error" }>;

const API_VERSION = "2016-11-15";
/** More than any real request holds: 1,000 ids, or 50 filters of 200 values. */
const PARAMETERS_MAX = 20_000;

/** Authentication in a query string; any signature is accepted, so it is left out. */
const AUTHENTICATION =
  /^(?:AWSAccessKeyId|Signature|SignatureMethod|SignatureVersion|Timestamp|Expires|SecurityToken|X-Amz-.*)$/;

/** Of a name given twice, the last value counts. */
export function decodeRequest(text: string): DecodedRequest {
  const params = new Map<string, string>();
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf("&", start);
    if (end < 0) end = text.length;
    if (end > start) {
      if (params.size >= PARAMETERS_MAX) {
        return malformed("InvalidParameter", `The request has more than ${PARAMETERS_MAX} parameters.`);
      }
      const equals = text.indexOf("=", start);
      const middle = equals < 0 || equals > end ? end : equals;
      const name = unescapeText(text.slice(start, middle));
      const value = unescapeText(text.slice(middle + 1, end));
      if (name === undefined || value === undefined) {
        return malformed("MalformedQueryString", "The query string contains a percent escape that is not valid UTF-8.");
      }
      if (!AUTHENTICATION.test(name)) params.set(name, value);
    }
    start = end + 1;
  }
  const action = params.get("Action");
  if (action === undefined || action === "") {
    return malformed("MissingAction", "The request is missing an action or a required parameter.");
  }
  const version = params.get("Version");
  if (version !== undefined && version !== API_VERSION) {
    return malformed("NoSuchVersion", `The requested version (${version}) of service AmazonEC2 does not exist`);
  }
  params.delete("Action");
  params.delete("Version");
  return { kind: "request", request: { action, params } };
}

function malformed(code: string, message: string): DecodedRequest {
  return { kind: "error", code, message, httpStatus: 400 };
}

/** undefined: a broken escape. */
function unescapeText(text: string): string | undefined {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}
