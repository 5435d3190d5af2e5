import { expect, test } from "bun:test";
import type { ControlOperation } from "../model/types.ts";
import { answerControl, type ControlReply, type ControlWorld, isLoopbackAddress, isLoopbackHost } from "./control.ts";
import { CONTROL_OPERATIONS } from "./control-operations.ts";

const seen: ControlOperation[] = [];
const world: ControlWorld = {
  control(operation) {
    seen.push(operation);
    if (operation.op === "unreserve") return { ok: false, error: "there is no reservation scr-1" };
    return { ok: true, result: { changed: 3 } };
  },
  dump: () => ({
    "describe-vpcs": { Vpcs: [{ VpcId: "vpc-1" }] },
    "describe-subnets": { Subnets: [] },
    "describe-security-groups": { SecurityGroups: [] },
    "describe-network-interfaces": { NetworkInterfaces: [] },
    "describe-instances": { Reservations: [] },
    "get-subnet-cidr-reservations": [],
  }),
};

function call(
  method: string,
  path: string,
  body = "",
  more: { peer?: string; headers?: Record<string, string> } = {},
): ControlReply {
  const headers = new Headers({ host: "127.0.0.1:8028", ...more.headers });
  return answerControl(world, { method, path, body, headers, peerAddress: more.peer ?? "127.0.0.1", nowMs: 0 });
}

test("an operation reaches the model with its fields, under the name that the path gives it", () => {
  seen.length = 0;
  expect(call("POST", "/control/free", '{"subnetId":"subnet-a","count":4}')).toEqual({
    status: 200,
    json: { changed: 3 },
  });
  expect(call("POST", "/control/drop-reply", '{"action":"AssignPrivateIpAddresses"}').status).toBe(200);
  expect(call("POST", "/control/clear-faults").status).toBe(200);
  expect(call("POST", "/control/set-knob", '{"name":"reservationFallback","value":false}').status).toBe(200);
  expect(seen).toEqual([
    { op: "release", subnetId: "subnet-a", count: 4 },
    { op: "dropReply", action: "AssignPrivateIpAddresses" },
    { op: "clearFaults" },
    { op: "setKnob", name: "reservationFallback", value: false },
  ]);
});

test("a wrong request says what is wrong and what to do, and reaches nothing", () => {
  seen.length = 0;
  const cases: [ControlReply, number, string][] = [
    [call("POST", "/control/fragment", "{}"), 400, "needs the field subnetId"],
    [call("POST", "/control/fragment", '{"subnetId":7}'), 400, "subnetId must be a string, not 7"],
    [call("POST", "/control/fragment", '{"subnetId":"s","shares":1}'), 400, 'knows no field "shares"'],
    [call("POST", "/control/exhaust", '{"subnetId":"s","leave":-1}'), 400, "leave must be 0 or more"],
    [call("POST", "/control/fragment", '{"subnetId":"s","share":2}'), 400, "share must be from 0 to 1, not 2"],
    [call("POST", "/control/free", '{"subnetId":"s","count":1.5}'), 400, "count must be a whole number"],
    [call("POST", "/control/fail", '{"code":"X","httpStatus":42}'), 400, "httpStatus must be from 400 to 599"],
    [call("POST", "/control/fragment", "{"), 400, "not JSON"],
    [call("POST", "/control/fragment", "[]"), 400, "must be a JSON object"],
    [call("GET", "/control/fragment"), 405, "use POST"],
    [call("POST", "/control/stats"), 405, "use GET"],
    [call("POST", "/control/destroy"), 404, "there is no /control/destroy"],
    [call("GET", "/control/dump/describe-moons"), 404, "there is no document describe-moons"],
  ];
  for (const [reply, status, text] of cases) {
    expect(reply.status).toBe(status);
    const { error } = reply.json as { error: { what: string; next: string } };
    expect(error.what).toContain(text);
    expect(error.next.length).toBeGreaterThan(5);
  }
  expect(seen).toEqual([]);
});

test("what the model refuses is a 400 with the model's words", () => {
  const reply = call("POST", "/control/unreserve", '{"reservationId":"scr-1"}');
  expect(reply).toMatchObject({ status: 400, json: { error: { what: "there is no reservation scr-1" } } });
});

test("only loopback clients that are no web page are served", () => {
  expect(call("GET", "/control/stats", "", { peer: "10.0.0.9" }).status).toBe(403);
  expect(call("GET", "/control/stats", "", { peer: "::ffff:10.0.0.9" }).status).toBe(403);
  expect(call("GET", "/control/stats", "", { headers: { origin: "http://evil.example" } }).status).toBe(403);
  expect(call("GET", "/control/stats", "", { headers: { host: "evil.example:8028" } }).status).toBe(403);
  expect(call("GET", "/control/stats", "", { peer: "::ffff:127.0.0.1" }).status).toBe(200);
});

test("the dump comes whole or by document", () => {
  expect(call("GET", "/control/dump/describe-vpcs").json).toEqual({ Vpcs: [{ VpcId: "vpc-1" }] });
  expect(Object.keys(call("GET", "/control/dump").json as object)).toContain("describe-subnets");
});

test("the overview lists every operation", () => {
  const { operations } = call("GET", "/control").json as { operations: { path: string }[] };
  expect(operations.map((each) => each.path)).toEqual(CONTROL_OPERATIONS.map((each) => `/control/${each.name}`));
});

test("loopback is 127.0.0.0/8, ::1 and localhost", () => {
  expect(["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"].every(isLoopbackAddress)).toBe(true);
  expect(["", "0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "127.0.0.1.evil.example"].some(isLoopbackAddress)).toBe(false);
  expect(["localhost", "localhost:80", "127.0.0.1:8028", "[::1]:80", "[::1]"].every(isLoopbackHost)).toBe(true);
  expect(["", "localhost.evil.example", "0.0.0.0", "example.com:80"].some(isLoopbackHost)).toBe(false);
});
