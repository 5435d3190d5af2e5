// Text of others (names, descriptions, log lines) made safe to stand in a terminal or in XML. Pure.

/** Without control characters, so that no name moves the cursor or colours the screen. */
export function printable(text: string): string {
  return [...text].map((char) => (isControl(char.codePointAt(0) ?? 0) ? " " : char)).join("");
}

/** The same value with every text in it printable; keys stay. */
export function printableAll<Value>(value: Value): Value {
  if (typeof value === "string") return printable(value) as Value;
  if (Array.isArray(value)) return value.map(printableAll) as Value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, printableAll(one)])) as Value;
}

/** A JSON log line as a person would read it: time, level, message; anything else as it is. The other forms keep the quote. */
export function readableLine(text: string): string {
  const match = /^\{"level":"(\w+)","ts":"([^"]+)",(?:"caller":"[^"]*",)?"msg":"(.*?)"?\}?$/.exec(text);
  if (match === null) return text;
  const [, level = "", time = "", message = ""] = match;
  return `${time} ${level} ${message.replaceAll('\\"', '"').replaceAll("\\n", " ").replaceAll("\\t", " ")}`;
}

/** Escaped for XML text and for attributes in double quotes; what XML 1.0 cannot hold at all becomes a blank. */
export function xmlText(text: string): string {
  return [...text]
    .map((char) => {
      const code = char.codePointAt(0) ?? 0;
      switch (char) {
        case "&":
          return "&amp;";
        case "<":
          return "&lt;";
        case ">":
          return "&gt;";
        case '"':
          return "&quot;";
        case "\n":
          return "&#10;";
        case "\t":
          return "&#9;";
        default:
          return isControl(code) || (code >= 0xd800 && code <= 0xdfff) || code === 0xfffe || code === 0xffff
            ? " "
            : char;
      }
    })
    .join("");
}

function isControl(code: number): boolean {
  return code < 32 || (code >= 127 && code < 160);
}
