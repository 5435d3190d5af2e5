// What our own socket is asked and answers (docs/agent.md): one JSON value each way, checked before anything is done.

import { z } from "zod";
import { formatIpv4, parseIpv4 } from "../base/ipv4.ts";
import { type Reason, reasonPages } from "../ipam/reasons.ts";
import type { Engine, ReplyResult } from "../ipam/types.ts";
import type { AttachmentKey, Attachments } from "./attachments.ts";
import type { CniService } from "./cni-service.ts";
import { type DatapathSettings, isMtu, isVethPrefix } from "./datapath-settings.ts";
import { type EngineHost, messageOf } from "./engine-host.ts";
import type { NetworkSettings } from "./network-settings.ts";
import type { PodNetwork } from "./pod-network.ts";
import { type PodSpec, type Refused, STARTING, type Wired } from "./pod-requests.ts";

/** No control characters: they occur in no name, and NUL separates the parts of a key. */
const CLEAN = /^[^\p{Cc}]*$/u;
const name = z.string().min(1).max(512).regex(CLEAN, "must not hold control characters");
const label = z.string().max(512).regex(CLEAN, "must not hold control characters");
const key = { networkName: name, containerId: name, ifName: name };
const path = z
  .string()
  .max(4_095)
  .regex(/^\//, "must be an absolute path")
  .regex(CLEAN, "must not hold control characters");
const ipv4 = z.string().refine((text) => parseIpv4(text) !== undefined, "must be an IPv4 address");
const pod = {
  namespace: label.optional(),
  podName: label.optional(),
  vethPrefix: z.string().refine(isVethPrefix, "must have 1 to 4 characters, and not be eth, lo or vlan").optional(),
  mtu: z.number().refine(isMtu, "must be a number from 576 to 9001").optional(),
  enforcingMode: z.enum(["strict", "standard"]).optional(),
};
const version = z.literal(1);
/** Of an answer's list of lines. */
const LIST_BYTES_MAX = 100 * 1024;
const requestSchema = z.discriminatedUnion("op", [
  z.object({
    v: version,
    op: z.literal("add"),
    ...key,
    ...pod,
    netns: path.optional(),
    timeoutMs: z.int().min(1).optional(),
  }),
  z.object({
    v: version,
    op: z.literal("del"),
    ...key,
    namespace: label.optional(),
    podName: label.optional(),
    podUid: label.optional(),
    address: ipv4.optional(),
    hostInterface: label.optional(),
    vlanId: z.int().min(0).max(4094).optional(),
    reason: label.optional(),
  }),
  z.object({
    v: version,
    op: z.literal("check"),
    ...key,
    ...pod,
    netns: path.optional(),
    address: ipv4.optional(),
    hostInterface: label.optional(),
  }),
  z.object({
    v: version,
    op: z.literal("gc"),
    networkName: name,
    valid: z.array(z.object({ containerId: name, ifName: name })).max(4_096),
  }),
  z.object({ v: version, op: z.literal("status") }),
]);
type JsonRequest = z.output<typeof requestSchema>;
type Of<Op extends JsonRequest["op"]> = Extract<JsonRequest, { op: Op }>;

export interface JsonRequestsOptions {
  readonly service: CniService;
  /** undefined: this agent wires no pods. */
  readonly pods: PodNetwork | undefined;
  readonly host: EngineHost;
  readonly engine: Engine;
  readonly attachments: Attachments;
  readonly settings: { readonly network: NetworkSettings; readonly datapath: DatapathSettings };
  /** undefined when ADDs are served. */
  readonly notServing: () => Extract<Reason, "starting" | "stopping"> | undefined;
  /** Why the node's own network is not as it has to be; undefined when it is. */
  readonly networkProblem: () => string | undefined;
  /** Why the kernel does not answer, so that no pod can be wired; undefined: it does. */
  readonly kernelSilence: () => string | undefined;
}

/** The answer to one line; `signal` is aborted when its caller hangs up. Never rejects. */
export async function answerLine(line: string, options: JsonRequestsOptions, signal: AbortSignal): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return invalidRequest(`the line is not JSON: ${line.slice(0, 80)}`);
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join(".") ?? "";
    return invalidRequest(`${where === "" ? "request" : where}: ${issue?.message ?? "not understood"}`);
  }
  try {
    return await perform(parsed.data, options, signal);
  } catch (error) {
    return invalidRequest(messageOf(error));
  }
}

export function invalidRequest(message: string): object {
  return failure({ kind: "refused", reason: "invalid-request", message });
}

async function perform(request: JsonRequest, options: JsonRequestsOptions, signal: AbortSignal): Promise<object> {
  switch (request.op) {
    case "add":
      return options.service.timed(add(request, options, signal));
    case "del":
      return del(request, options);
    case "check":
      return check(request, options);
    case "gc":
      return collect(request, options);
    case "status": {
      const reason = options.notServing();
      if (reason !== undefined) return failure({ kind: "refused", reason, message: reasonPages[reason].what });
      const refused = { kind: "refused", reason: "network-setup-failed" } as const;
      const problem = options.networkProblem();
      if (problem !== undefined) return { ...failure({ ...refused, message: problem }), degraded: true };
      const silence = options.kernelSilence();
      return silence === undefined
        ? success({})
        : failure({ ...refused, problem: "kernel-refused", message: silence, next: SILENCE_NEXT });
    }
  }
}

async function add(request: Of<"add">, options: JsonRequestsOptions, signal: AbortSignal): Promise<object> {
  const { namespace, podName, timeoutMs } = request;
  if (request.netns === undefined) {
    const names = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(podName === undefined ? {} : { podName }),
      interfacesCount: 1,
    };
    const caller = { patienceMs: timeoutMs, signal };
    return toJson(await options.service.allocateAlone(keyOf(request), names, caller));
  }
  const { pods } = options;
  if (pods === undefined) return failure(WIRES_NOTHING);
  const spec = podSpec(request, request.netns, options);
  const { service } = options;
  const noteReply = service.noteAdd({
    ...spec.key,
    namespace: spec.namespace,
    podName: spec.podName,
    netns: spec.netns,
  });
  const answer = await pods.add({ ...spec, patienceMs: timeoutMs, signal });
  if (answer.kind === "refused") {
    noteReply({ address: "", problem: answer.message, reason: answer.reason });
    return failure(answer);
  }
  noteReply({ address: formatIpv4(answer.address), problem: undefined });
  return wired(answer);
}

const SILENCE_NEXT =
  "If it lasts, the agent restarts by itself. Where it comes again, look for tasks in state D (ps -eo pid,stat,wchan,comm) and at dmesg.";

const WIRES_NOTHING: Refused = {
  kind: "refused",
  reason: "network-setup-failed",
  message: "this agent gives addresses alone: SLASH28_DATAPATH is off",
  next: "Set SLASH28_DATAPATH=on in the agent's environment, or use the plugin of amazon-vpc-cni-k8s, which wires pods itself.",
};

function podSpec(request: Of<"add"> | Of<"check">, netns: string, { settings }: JsonRequestsOptions): PodSpec {
  return {
    key: keyOf(request),
    namespace: request.namespace ?? "",
    podName: request.podName ?? "",
    netns,
    vethPrefix: request.vethPrefix ?? settings.network.vethPrefix,
    mtu: request.mtu ?? settings.datapath.podMtu,
    enforcingMode: request.enforcingMode ?? settings.datapath.enforcingMode,
  };
}

function wired(answer: Wired): object {
  const { address, gateway, hostInterface, hostMac, podSuffix, mtu, vlanId } = answer;
  const { deviceNumber, routeTableId, isRepeat } = answer;
  return success({
    address: formatIpv4(address),
    deviceNumber,
    routeTableId,
    isRepeat,
    hostInterface,
    hostMac,
    podSuffix,
    mtu,
    vlanId,
    gateway: gateway === undefined ? null : formatIpv4(gateway),
  });
}

async function del(request: Of<"del">, { pods, service }: JsonRequestsOptions): Promise<object> {
  if (pods === undefined) return toJson(await service.release(keyOf(request)).result);
  const { namespace = "", podName = "", reason = "" } = request;
  const noteReply = service.noteDel({ ...keyOf(request), namespace, podName, reason });
  const answer = await pods.del({
    key: keyOf(request),
    namespace,
    podName,
    podUid: request.podUid ?? "",
    address: request.address === undefined ? undefined : parseIpv4(request.address),
    hostInterface: request.hostInterface ?? "",
    vlanId: request.vlanId ?? 0,
  });
  const held = answer.kind === "deleted" ? answer.address : undefined;
  const address = held === undefined ? "" : formatIpv4(held);
  const refusal = answer.kind === "refused" ? answer : undefined;
  noteReply({ address, problem: refusal?.message, reason: refusal?.reason });
  if (answer.kind === "refused") return failure(answer);
  const { deviceNumber, routeTableId, left } = answer;
  return success(address === "" ? { address: null, left } : { address, deviceNumber, routeTableId, left });
}

async function check(request: Of<"check">, options: JsonRequestsOptions): Promise<object> {
  const { engine, host, pods, service } = options;
  if (request.netns !== undefined) {
    if (pods === undefined) return failure(WIRES_NOTHING);
    const { address, hostInterface } = request;
    const told = { address: address === undefined ? undefined : parseIpv4(address), hostInterface };
    const found = await pods.check(podSpec(request, request.netns, options), told);
    if ("kind" in found) return failure(found);
    const problems = withinAnswer(found);
    if (problems.length === 0) return success({});
    const message = problems.join("; ");
    return { ...failure({ kind: "refused", reason: "network-setup-failed", message }), problems };
  }
  if (!host.isReady) return failure(STARTING);
  const attachment = service.holderOf(keyOf(request));
  const held = attachment === undefined ? undefined : engine.addressOf(attachment);
  if (held === undefined) return invalidRequest("this attachment holds no address");
  if (request.address !== undefined && parseIpv4(request.address) !== held) {
    return invalidRequest(`this attachment holds ${formatIpv4(held)}, not ${request.address}`);
  }
  return success({ address: formatIpv4(held) });
}

/** A list speaks for its own network only. */
async function collect(request: Of<"gc">, { pods, host, attachments }: JsonRequestsOptions): Promise<object> {
  const listed = new Set(request.valid.map((one) => `${one.containerId}\u0000${one.ifName}`));
  const isListed = (one: AttachmentKey): boolean => listed.has(`${one.containerId}\u0000${one.ifName}`);
  if (pods !== undefined) {
    const answer = await pods.collect(request.networkName, isListed);
    return "kind" in answer ? failure(answer) : success({ ...answer, problems: withinAnswer(answer.problems) });
  }
  const valid: number[] = [];
  for (const [attachment, text] of attachments.entries()) {
    if (text.networkName !== request.networkName || isListed(text)) valid.push(attachment);
  }
  return toJson(await host.collect(valid).result);
}

/** The first of them, and how many more: a list that the plugin, which takes 256 KiB, can read even twice. */
function withinAnswer(lines: readonly string[]): readonly string[] {
  let byteCount = 0;
  const count = lines.findIndex((line) => {
    byteCount += Buffer.byteLength(JSON.stringify(line));
    return byteCount > LIST_BYTES_MAX;
  });
  return count < 0 ? lines : [...lines.slice(0, count), `and ${lines.length - count} more`];
}

function keyOf({ networkName, containerId, ifName }: AttachmentKey): AttachmentKey {
  return { networkName, containerId, ifName };
}

function toJson(result: ReplyResult): object {
  switch (result.kind) {
    case "allocated": {
      const { deviceNumber, routeTableId, isRepeat } = result;
      return success({ address: formatIpv4(result.address), deviceNumber, routeTableId, isRepeat });
    }
    case "released": {
      const { deviceNumber, routeTableId } = result;
      return success({ address: formatIpv4(result.address), deviceNumber, routeTableId, left: [] });
    }
    // DEL of something already gone succeeds.
    case "unknownAttachment":
      return success({ address: null, left: [] });
    case "collected":
      return success({ releasedCount: result.releasedCount, problems: [] });
    case "refused":
      return failure(result);
  }
}

function success(fields: object): object {
  return { v: 1, ok: true, ...fields };
}

function failure({ reason, message, next, retryAfterMs, problem }: Refused): object {
  return {
    v: 1,
    ok: false,
    reason,
    message,
    next: next ?? reasonPages[reason].next,
    retryAfterMs: retryAfterMs ?? null,
    ...(problem === undefined ? {} : { problem }),
  };
}
