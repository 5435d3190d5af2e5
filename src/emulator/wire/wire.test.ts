import { expect, test } from "bun:test";
import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { type ActRequest, AddressItem, type ReplyTree } from "../model/index.ts";
import { decodeRequest } from "./query.ts";
import { type Answer, encodeReply } from "./xml.ts";

const HEAD = "Action=DescribeSubnets&Version=2016-11-15";

function encoded(answer: Answer): { httpStatus: number; body: string } {
  const { httpStatus, body } = encodeReply(answer);
  return { httpStatus, body: new TextDecoder("utf-8", { fatal: true }).decode(body) };
}

function request(form: string): ActRequest {
  const decoded = decodeRequest(form);
  if (decoded.kind === "error") throw new Error(`${decoded.code}: ${decoded.message}`);
  return decoded.request;
}

function code(form: string): string {
  const decoded = decodeRequest(form);
  return decoded.kind === "error" ? decoded.code : "no error";
}

test("a form becomes an action with its parameters; action, version and signatures are no parameters", () => {
  const { action, params } = request(`${HEAD}&SubnetId.1=subnet-1&Description=&X-Amz-Date=1&Signature=s&Flag`);
  expect(action).toBe("DescribeSubnets");
  expect([...params]).toEqual([
    ["SubnetId.1", "subnet-1"],
    ["Description", ""],
    ["Flag", ""],
  ]);
});

test("any names and values survive both ways of writing a space", () => {
  const text = fc.string({ unit: "binary" }).filter((each) => !/\p{Surrogate}/u.test(each));
  fc.assert(
    fc.property(text, fc.boolean(), (value, isPlus) => {
      const escaped = encodeURIComponent(value);
      const form = `${HEAD}&Tag.1.Value=${isPlus ? escaped.replaceAll("%20", "+") : escaped}`;
      expect(request(form).params.get("Tag.1.Value")).toBe(value);
    }),
  );
});

test("both ways of writing a space, and an escaped plus", () => {
  expect(request(`${HEAD}&Description=a+b%20c%2Bd`).params.get("Description")).toBe("a b c+d");
});

test("a form that cannot be read says why in EC2's manner", () => {
  expect(code("")).toBe("MissingAction");
  expect(code("Version=2016-11-15")).toBe("MissingAction");
  expect(code("Action=DescribeSubnets")).toBe("MissingParameter");
  expect(code("Action=DescribeSubnets&Version=latest")).toBe("NoSuchVersion");
  for (const escaped of ["%", "%2", "%zz", "%ff", "%c3%28", "%ed%a0%80"]) {
    expect([escaped, code(`${HEAD}&Name=${escaped}`)]).toEqual([escaped, "MalformedQueryString"]);
  }
  expect(code(`${HEAD}${"&A=1".repeat(10_001)}`)).toBe("MalformedQueryString");
});

test("no form makes the decoder throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("%", "&", "=", "+", "A", "c", "3", ".", "\ud800", "é") }), (form) => {
      expect(["error", "request"]).toContain(decodeRequest(form).kind);
      expect(["error", "request"]).toContain(decodeRequest(`${HEAD}&${form}`).kind);
    }),
  );
});

test("a success is a document in EC2's namespace; absent fields are left out, empty lists stay", () => {
  const tree = { a: "x", b: undefined, c: [], d: [1, { e: true }], f: { g: "" } };
  const { httpStatus, body } = encoded({ action: "Do", requestId: "r-1", reply: { kind: "ok", tree } });
  expect(httpStatus).toBe(200);
  expect(body).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>\n<DoResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">' +
      "<requestId>r-1</requestId><a>x</a><c/><d><item>1</item><item><e>true</e></item></d><f><g/></f></DoResponse>",
  );
});

test("markup in a text is escaped", () => {
  const tree = { v: `a&b <c> "d" 'e' &amp; \r` };
  const { body } = encoded({ action: "Do", requestId: "r", reply: { kind: "ok", tree } });
  expect(body).toContain("<v>a&amp;b &lt;c&gt; &quot;d&quot; &apos;e&apos; &amp;amp; &#13;</v>");
});

test("addresses are written as their texts", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.boolean(), (address, isPrimary) => {
      const item = new AddressItem(address, "ec2.internal", isPrimary);
      const body = (value: ReplyTree | AddressItem): string =>
        encoded({ action: "Do", requestId: "r", reply: { kind: "ok", tree: { set: [value] } } }).body;
      expect(body(item)).toBe(body(item.tree));
    }),
  );
});

test("an error is a document without namespace, with the status of its code", () => {
  const reply = { kind: "error", code: "InvalidID", message: "The ID '<x>' is not valid", httpStatus: 400 } as const;
  const { httpStatus, body } = encoded({ action: "Do", requestId: "r-1", reply });
  expect(httpStatus).toBe(400);
  expect(body).toEndWith(
    "<Response><Errors><Error><Code>InvalidID</Code><Message>The ID &apos;&lt;x&gt;&apos; is not valid</Message>" +
      "</Error></Errors><RequestID>r-1</RequestID></Response>",
  );
});

test("any text comes back from an XML parser as it was, but for what XML cannot carry", () => {
  const marks = fc.string({ unit: fc.constantFrom(...`&<>"'\r\n\t\u0000\u001f\u007f\ufffe\ud800\udc00aé€`, "😀") });
  const anything = fc.oneof(fc.string({ unit: "binary" }), marks);
  const parser = new XMLParser({ parseTagValue: false, trimValues: false, processEntities: true, htmlEntities: true });
  fc.assert(
    fc.property(anything, (value) => {
      const { body } = encoded({ action: "Do", requestId: "r", reply: { kind: "ok", tree: { v: `.${value}.` } } });
      const forbidden = /\p{Surrogate}|[^\P{C}\t\n\r\p{Cf}\p{Co}\p{Cn}\u007f-\u009f]|[\ufffe\uffff]/gu;
      const expected = `.${value}.`.replace(forbidden, "\ufffd");
      expect((parser.parse(body) as { DoResponse: { v: string } }).DoResponse.v).toBe(expected);
    }),
  );
});
