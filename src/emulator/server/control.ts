// The control endpoint, `/control/...`: change the emulated VPC while it runs, and look into it. JSON in, JSON out. It answers
// loopback clients only, whatever the emulator listens on, and no web page: a request that a browser sends for one has an
// Origin header or a Host of its own.

import type { Ms } from "../../base/units.ts";
import type { ControlOperation, ControlResult, Dump } from "../model/types.ts";
import { CONTROL_OPERATIONS, parseOperation } from "./control-operations.ts";

/** What the endpoint needs of the world. */
export interface ControlWorld {
  control(operation: ControlOperation, nowMs: Ms): ControlResult;
  dump(nowMs: Ms): Dump;
}

export interface ControlCall {
  readonly method: string;
  /** Of the URL, from `/control` on. */
  readonly path: string;
  readonly headers: { get(name: string): string | null };
  /** Of the other end of the connection; undefined when unknown. */
  readonly peerAddress: string | undefined;
  readonly body: string;
  readonly nowMs: Ms;
}

export interface ControlReply {
  readonly status: number;
  readonly json: unknown;
}

export function answerControl(world: ControlWorld, call: ControlCall): ControlReply {
  if (!isLoopbackAddress(call.peerAddress ?? "")) {
    return refusal(403, "the control endpoint answers loopback clients only", "Call it on the emulator's machine.");
  }
  if (call.headers.get("origin") !== null || !isLoopbackHost(call.headers.get("host") ?? "localhost")) {
    return refusal(403, "the control endpoint does not answer web pages", "Use curl or another client without Origin.");
  }
  const [, name = "", ...rest] = call.path.split("/").filter((part) => part !== "");
  const isRead = call.method === "GET" || call.method === "HEAD";

  if (name === "") return isRead ? { status: 200, json: overview() } : wrongMethod("GET");
  if (name === "stats") return isRead ? fromResult(world.control({ op: "stats" }, call.nowMs)) : wrongMethod("GET");
  if (name === "dump") return isRead ? dump(world.dump(call.nowMs), rest) : wrongMethod("GET");

  const definition = CONTROL_OPERATIONS.find((each) => each.name === name);
  if (definition === undefined || rest.length > 0) {
    const names = CONTROL_OPERATIONS.map((each) => each.name).join(", ");
    return refusal(404, `there is no /${call.path.slice(1, 80)}`, `GET stats or dump, or POST one of ${names}.`);
  }
  if (call.method !== "POST") return wrongMethod("POST");
  let body: unknown;
  try {
    body = call.body.trim() === "" ? {} : JSON.parse(call.body);
  } catch {
    return refusal(400, "the body is not JSON", `Send an object; GET /control lists the fields of ${name}.`);
  }
  const parsed = parseOperation(definition, body);
  if ("error" in parsed) return refusal(400, parsed.error, "GET /control lists every operation with its fields.");
  return fromResult(world.control(parsed.operation, call.nowMs));
}

export function isLoopbackAddress(address: string): boolean {
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return plain === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

/** A Host header or a host name that means this machine; with or without a port. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isLoopbackAddress(name);
}

function overview(): unknown {
  return {
    schema: "slash28/control/v1",
    reads: [
      { path: "/control/stats", doc: "Subnets with free addresses and free /28s, EC2 calls by action and code." },
      {
        path: "/control/dump",
        doc: "The world as the AWS CLI prints it; one document: /control/dump/describe-subnets.",
      },
    ],
    operations: CONTROL_OPERATIONS.map((each) => ({
      path: `/control/${each.name}`,
      doc: each.doc,
      fields: each.fields.map(({ name, type, isRequired, doc }) => ({ name, type, isRequired, doc })),
    })),
  };
}

function dump(documents: Dump, path: readonly string[]): ControlReply {
  const [name, ...rest] = path;
  if (name === undefined) return { status: 200, json: documents };
  const entry = Object.entries(documents).find(([key]) => key === name);
  if (entry === undefined || rest.length > 0) {
    return refusal(404, `there is no document ${name.slice(0, 80)}`, `One of ${Object.keys(documents).join(", ")}.`);
  }
  return { status: 200, json: entry[1] };
}

function fromResult(result: ControlResult): ControlReply {
  if (!result.ok) return refusal(400, result.error, "Nothing was changed.");
  return { status: 200, json: result.result };
}

function wrongMethod(right: string): ControlReply {
  return refusal(405, `use ${right}`, "GET /control lists every operation.");
}

function refusal(status: number, what: string, next: string): ControlReply {
  return { status, json: { error: { what, next } } };
}
