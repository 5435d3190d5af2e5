// What each command asks of the agent and makes of its answer. The agent holds the addresses and wires the pods; a DEL that finds
// no agent cleans up by itself from the earlier result.

import { formatIpv4 } from "../base/ipv4.ts";
import type { PodRemoval } from "../datapath/types.ts";
import type { BlockingIo } from "../ports/blocking-io.ts";
import type { Clock } from "../ports/clock.ts";
import { askAgent, type CallOptions, type Outcome } from "./agent-call.ts";
import { linesOf, type Refusal, readAdd } from "./answers.ts";
import { type CniCode, CODES, codeOf } from "./codes.ts";
import { isObject, type JsonObject, type NetworkConfig } from "./config.ts";
import type { AttachmentEnvironment, PodArguments } from "./environment.ts";
import { isCniName, isLinkName, isPlain } from "./names.ts";
import type { PluginLog } from "./plugin-log.ts";
import { CniProblem } from "./problem.ts";
import { buildResult, type Remembered, readPreviousResult, remember } from "./result.ts";
import type { CniVersion } from "./versions.ts";

export interface CommandContext {
  readonly raw: JsonObject;
  readonly config: NetworkConfig;
  readonly version: CniVersion;
  readonly clock: Clock;
  readonly io: BlockingIo;
  readonly log: PluginLog;
  /** Removes a pod's traces on the host; resolves with what is left, one line each. */
  readonly cleanUp: (removal: PodRemoval, hostNetns: string | undefined) => Promise<readonly string[]>;
}

/** The agent answers this much before the plugin gives up, so that its reason arrives. */
const ANSWER_MARGIN_MS = 1_000;
/** A host interface's name: a prefix, and so much of a hash (datapath.md 5). */
const SUFFIX_LENGTH = 11;
const VETH_PREFIX_LENGTH_MAX = 4;
const STRICT_PREFIX = "vlan";
/** The agent takes no longer lists. */
const ATTACHMENTS_MAX = 4_096;

function call(question: (leftMs: number) => object, context: CommandContext, limits: Partial<CallOptions> = {}) {
  const { config, clock, io, log } = context;
  return askAgent((leftMs) => ({ v: 1, ...question(leftMs) }), {
    socketPath: config.socketPath,
    clock,
    io,
    limitMs: config.timeoutMs,
    absentMs: config.agentWaitMs,
    restartingMs: config.agentWaitMs,
    onSent: () => log.flush(),
    ...limits,
  });
}

export interface Added {
  /** To be printed. */
  readonly result: JsonObject;
  /** The pod had its network before. */
  readonly isRepeat: boolean;
}

export function add(attachment: AttachmentEnvironment, pod: PodArguments, context: CommandContext): Added {
  const { config, log, raw, version } = context;
  const { containerId, ifName, netns } = attachment;
  const refusedText = "add cmd: failed to assign an IP address to container";
  if (config.wantsMultiNic) {
    throw new CniProblem(
      CODES.invalidConfig,
      `${refusedText}: invalid-request`,
      "The pod's annotation k8s.amazonaws.com/nicConfig asks for several network cards, which slash28 does not serve. Remove the annotation.",
    );
  }
  const previous = readPreviousResult(raw["prevResult"]);
  const outcome = call(
    (leftMs) => ({
      op: "add",
      ...keyOf(attachment, context),
      ...pod,
      netns,
      vethPrefix: config.vethPrefix,
      mtu: config.mtu,
      enforcingMode: config.enforcingMode,
      timeoutMs: Math.max(1, Math.floor(leftMs - ANSWER_MARGIN_MS)),
    }),
    context,
    { limitMs: config.addTimeoutMs },
  );
  if (outcome.kind === "failed") {
    log.write("error", `Error received from AddNetwork grpc call for containerID ${containerId}: ${outcome.message}`);
    throw outcome.failure === "absent"
      ? unanswered("add cmd: failed to connect to backend server", outcome)
      : unanswered("add cmd: Error received from AddNetwork gRPC call", outcome);
  }
  if (outcome.kind === "refused") {
    const { problem, reason, message } = outcome;
    if (problem === "network-policy") {
      const named = `Pod Name ${pod.podName} and NameSpace ${pod.namespace}`;
      log.write("error", `Failed to setup default network policy for ${named}: ${message}`);
      throw refused("add cmd: failed to setup network policy", outcome);
    }
    const isWiring = problem !== undefined || reason === "network-setup-failed";
    const text = isWiring
      ? `Failed SetupPodNetwork for container ${containerId}`
      : `Failed to assign an IP address to container ${containerId}`;
    log.write("error", `${text}: ${reason}: ${message}`);
    throw refused(isWiring ? "add command: failed to setup network" : refusedText, outcome);
  }
  log.write(
    "info",
    `Received add network response from ipamd for container ${containerId} interface ${ifName}: ${JSON.stringify(outcome.fields)}`,
  );
  const answer = readAdd(outcome.fields);
  if (typeof answer === "string") {
    const senseless = { kind: "failed", failure: "senseless", message: answer } as const;
    throw unanswered("add cmd: Error received from AddNetwork gRPC call", senseless);
  }
  return { result: buildResult(answer, attachment, previous, version), isRepeat: answer.isRepeat };
}

/** For an ADD whose result reaches nobody. The runtime's DEL, if one comes, does what this cannot. */
export function takeBack(attachment: AttachmentEnvironment, pod: PodArguments, context: CommandContext): void {
  call(() => ({ op: "del", ...keyOf(attachment, context), ...pod, reason: "SetupNSFailed" }), context);
}

/** Resolves when nothing of the pod is left, or when the rest is the agent's to clean at its next start. */
export async function del(
  attachment: AttachmentEnvironment,
  pod: PodArguments,
  context: CommandContext,
): Promise<void> {
  const { config, log, raw } = context;
  const { containerId, ifName, netns } = attachment;
  const known = remember(raw["prevResult"], ifName);
  const outcome = call(
    () => ({
      op: "del",
      ...keyOf(attachment, context),
      ...pod,
      ...(netns === "" ? {} : { netns }),
      ...(known.address === undefined ? {} : { address: formatIpv4(known.address) }),
      ...(known.hostInterface === undefined ? {} : { hostInterface: known.hostInterface }),
      ...(known.vlanId === 0 ? {} : { vlanId: known.vlanId }),
      reason: "PodDeleted",
    }),
    context,
    { restartingMs: config.timeoutMs },
  );
  if (outcome.kind === "refused") throw refused("del cmd: failed to process delete request", outcome);
  if (outcome.kind === "done") {
    if (outcome.fields["address"] === null) log.write("info", `Container ${containerId} not found`);
    for (const line of linesOf(outcome.fields["left"]))
      log.write("warn", `Left behind for container ${containerId}: ${line}`);
    return;
  }
  log.write("warn", `Error received from DelNetwork grpc call for container ${containerId}: ${outcome.message}`);
  if (known.address === undefined && known.hostInterface === undefined && known.vlanId === 0) {
    log.write("info", `Nothing is known of container ${containerId}; the agent's next start releases its address`);
    return;
  }
  const removal: PodRemoval = {
    attachment: keyOf(attachment, context),
    address: known.address ?? 0,
    hostInterface: known.hostInterface ?? "",
    vlanId: known.vlanId,
  };
  try {
    const left = await context.cleanUp(removal, config.hostNetns);
    if (left.length === 0) log.write("info", `Handled pod teardown using prevResult: ${JSON.stringify(removal)}`);
    else log.write("warn", `Could not teardown pod using prevResult: ${left.join("; ")}`);
  } catch (error) {
    log.write(
      "warn",
      `Could not teardown pod using prevResult: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

export function check(attachment: AttachmentEnvironment, pod: PodArguments, context: CommandContext): void {
  const { config, raw } = context;
  const opening = "check cmd: failed to check network";
  const known = remember(raw["prevResult"], attachment.ifName);
  const { address, hostInterface } = known;
  if (address === undefined || hostInterface === undefined) {
    throw new CniProblem(
      CODES.invalidConfig,
      `${opening}: prevResult is missing or not understood`,
      `CHECK compares with ADD's result: the address of ${attachment.ifName} and the host's interface have to be in it.`,
    );
  }
  const outcome = call(
    () => ({
      op: "check",
      ...keyOf(attachment, context),
      ...pod,
      netns: attachment.netns,
      address: formatIpv4(address),
      hostInterface,
      ...wiredAs({ ...known, hostInterface }, config),
    }),
    context,
  );
  if (outcome.kind === "failed") throw unanswered(opening, outcome);
  if (outcome.kind === "done") return;
  const code = codeOf(outcome);
  if (code === CODES.tryAgainLater) throw refused(opening, outcome);
  const differences = outcome.problems.length === 0 ? [outcome.message] : outcome.problems;
  throw new CniProblem(CODES.checkFailed, `${opening}: ${outcome.reason}`, differences.join("; "));
}

/** As the pod was wired: when the configuration has changed since then, the pod is no worse for it. */
function wiredAs(
  { hostInterface, vlanId, mtu }: Remembered & { readonly hostInterface: string },
  config: NetworkConfig,
) {
  const prefix = hostInterface.slice(0, -SUFFIX_LENGTH);
  const isStrict = prefix === STRICT_PREFIX;
  const isPrefix = !isStrict && isPlain(prefix) && prefix.length <= VETH_PREFIX_LENGTH_MAX;
  return {
    vethPrefix: isPrefix ? prefix : config.vethPrefix,
    mtu: mtu ?? config.mtu,
    enforcingMode: vlanId === 0 ? config.enforcingMode : isStrict ? "strict" : "standard",
  };
}

export function status(context: CommandContext): void {
  const opening = "status cmd: the network is not available";
  const outcome = call(() => ({ op: "status" }), context, { restartingMs: 0 });
  if (outcome.kind === "failed") throw unanswered(opening, outcome, CODES.notAvailable);
  if (outcome.kind === "refused") {
    throw refused(opening, outcome, outcome.isDegraded ? CODES.notAvailableAndDegraded : CODES.notAvailable);
  }
}

export function gc(context: CommandContext): void {
  const opening = "gc cmd: failed to collect garbage";
  const valid = validAttachments(context.raw, opening);
  const outcome = call(() => ({ op: "gc", networkName: context.config.name, valid }), context);
  if (outcome.kind === "failed") throw unanswered(opening, outcome);
  if (outcome.kind === "refused") throw refused(opening, outcome);
  const problems = linesOf(outcome.fields["problems"]);
  if (problems.length > 0) {
    throw new CniProblem(
      CODES.leftovers,
      `${opening}: ${problems.length} leftovers could not be removed`,
      problems.join("; "),
    );
  }
}

/** A list that is missing is an error: taken for an empty one it would end every pod's network. */
function validAttachments(raw: JsonObject, opening: string): readonly { containerId: string; ifName: string }[] {
  const bad = (what: string) =>
    new CniProblem(
      CODES.invalidConfig,
      `${opening}: cni.dev/valid-attachments ${what}`,
      'The runtime lists every attachment in use as {"containerID","ifname"}. Nothing was removed.',
    );
  const [given, older] = [raw["cni.dev/valid-attachments"], raw["cni.dev/attachments"]];
  // libcni writes both names, and null for Go's list of none.
  const list = given === null && older === null ? [] : (given ?? older);
  if (!Array.isArray(list)) throw bad("is missing or no list");
  if (list.length > ATTACHMENTS_MAX) throw bad(`has more than ${ATTACHMENTS_MAX} entries`);
  return list.map((one: unknown) => {
    const { containerID, ifname } = isObject(one) ? one : ({} as JsonObject);
    if (
      typeof containerID !== "string" ||
      !isCniName(containerID) ||
      typeof ifname !== "string" ||
      !isLinkName(ifname)
    ) {
      throw bad(`has an entry that is not understood: ${JSON.stringify(one).slice(0, 80)}`);
    }
    return { containerId: containerID, ifName: ifname };
  });
}

function keyOf(attachment: AttachmentEnvironment, context: CommandContext) {
  return { networkName: context.config.name, containerId: attachment.containerId, ifName: attachment.ifName };
}

const AFTER_FAILURE = {
  absent: "Is the aws-node pod of this node running? The runtime tries again.",
  closed: "The agent was stopped or replaced meanwhile; what it had begun is taken back. The runtime tries again.",
  slow: "What it had begun is taken back. Look for the last lines of ipamd.log; the runtime tries again.",
  senseless: "Plugin and agent are not of one release, or something else listens there: compare their versions.",
} as const;

function unanswered(opening: string, outcome: Extract<Outcome, { kind: "failed" }>, code?: CniCode): CniProblem {
  const { failure, message } = outcome;
  const isSenseless = failure === "senseless";
  const what = isSenseless ? `the agent's answer makes no sense: ${message}` : message;
  const ownCode = isSenseless ? CODES.senselessAnswer : CODES.tryAgainLater;
  return new CniProblem(code ?? ownCode, `${opening}: ${what}`, AFTER_FAILURE[failure]);
}

function refused(opening: string, refusal: Refusal, code: CniCode = codeOf(refusal)): CniProblem {
  const { reason, problem, message, next } = refusal;
  const words = problem === undefined || problem === reason ? reason : `${reason} (${problem})`;
  // The message is a sentence or a cause that the kernel's words end.
  const what = message === "" || next === "" || /[.!?]$/.test(message) ? message : `${message}.`;
  return new CniProblem(code, `${opening}: ${words}`, [what, next].filter((text) => text !== "").join(" "));
}
