import { expect, test } from "bun:test";
import fc from "fast-check";
import { answerImds, type ImdsReply, type ImdsWorld } from "./imds.ts";
import { ImdsTokens, parseTtlSeconds } from "./imds-tokens.ts";

const world: ImdsWorld = {
  hasInstance: (id) => id === "i-a" || id === "i-b",
  imds: (instanceId, path, nowMs) =>
    path === "/latest/meta-data/instance-id"
      ? { status: 200, body: instanceId, replyAtMs: nowMs + 7 }
      : { status: path === "/latest/meta-data/busy" ? 503 : 404, body: "", replyAtMs: nowMs },
};
const tokens = new ImdsTokens("key");
const TTL = "X-aws-ec2-metadata-token-ttl-seconds";

function call(method: string, path: string, headers: Record<string, string> = {}, nowMs = 0): ImdsReply {
  return answerImds(world, tokens, { method, path, headers: new Headers(headers), nowMs });
}

function get(path: string, token: string, nowMs = 0): ImdsReply {
  return call("GET", path, { "X-aws-ec2-metadata-token": token }, nowMs);
}

function newToken(instanceId: string, ttlSeconds = 60, nowMs = 0): string {
  return call("PUT", `/imds/${instanceId}/latest/api/token`, { [TTL]: String(ttlSeconds) }, nowMs).body;
}

test("a token request answers 200 with a token and repeats the TTL", () => {
  const reply = call("PUT", "/imds/i-a/latest/api/token", { [TTL]: "21600" });
  expect(reply.status).toBe(200);
  expect(reply.body).toMatch(/^[\w=-]{40,}$/);
  expect(reply.headers[TTL.toLowerCase()]).toBe("21600");
});

test("a token request without a TTL from 1 to 21600 answers 400", () => {
  for (const ttl of ["", "0", "21601", "-1", "1.5", "1e3", "60s", "999999999999"]) {
    expect([ttl, call("PUT", "/imds/i-a/latest/api/token", { [TTL]: ttl }).status]).toEqual([ttl, 400]);
  }
  expect(call("PUT", "/imds/i-a/latest/api/token").status).toBe(400);
  expect([parseTtlSeconds("1"), parseTtlSeconds("21600"), parseTtlSeconds(null)]).toEqual([1, 21_600, undefined]);
});

test("a token request that came through a proxy answers 403", () => {
  expect(call("PUT", "/imds/i-a/latest/api/token", { [TTL]: "60", "X-Forwarded-For": "10.0.0.1" }).status).toBe(403);
});

test("a read needs a token of this instance that has not expired", () => {
  const path = "/imds/i-a/latest/meta-data/instance-id";
  const token = newToken("i-a", 60, 1000);
  expect(get(path, token, 60_999)).toMatchObject({ status: 200, body: "i-a", replyAtMs: 61_006 });
  expect(get(path, token, 61_000).status).toBe(401);
  expect(get(path, newToken("i-b")).status).toBe(401);
  expect(get(path, new ImdsTokens("other key").issue("i-a", 60_000)).status).toBe(401);
  expect(call("GET", path).status).toBe(401);
});

test("no text but an issued token is accepted", () => {
  const token = newToken("i-a");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.nat(token.length - 1).map((at) => `${token.slice(0, at)}~${token.slice(at + 1)}`),
      ),
      (text) => {
        expect(tokens.accepts(text, "i-a", 0)).toBe(false);
      },
    ),
  );
});

test("only GET and HEAD read, only PUT makes tokens", () => {
  const token = newToken("i-a");
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    expect(call(method, "/imds/i-a/latest/meta-data/mac", { "X-aws-ec2-metadata-token": token }).status).toBe(405);
  }
  expect(get("/imds/i-a/latest/api/token", token).status).toBe(405);
  expect(call("HEAD", "/imds/i-a/latest/meta-data/instance-id", { "X-aws-ec2-metadata-token": token }).status).toBe(
    200,
  );
});

test("slashes that a client doubles are collapsed", () => {
  const token = newToken("i-a");
  expect(get("//imds/i-a//latest//meta-data/instance-id", token).body).toBe("i-a");
  expect(get("/imds/i-a/latest/meta%2Ddata/instance-id", token).body).toBe("i-a");
  expect(get("/imds/i-a/latest/meta-data/%zz", token).status).toBe(404);
  expect(call("PUT", "/imds/i-a//latest/api/token", { [TTL]: "60" }).status).toBe(200);
});

test("unknown paths answer 404 with a small page, overload 503, unknown instances 404 that says so", () => {
  const token = newToken("i-a");
  expect(get("/imds/i-a/latest/meta-data/nope", token)).toMatchObject({ status: 404 });
  expect(get("/imds/i-a/latest/meta-data/busy", token)).toMatchObject({ status: 503 });
  const unknown = get("/imds/i-<c>/latest/meta-data/mac", token);
  expect(unknown.status).toBe(404);
  expect(unknown.body).toContain("no instance i-?c?");
});
