// Pods of our own plugin: an ADD takes an address, wires the pod and asks for its network policy, or leaves nothing; a DEL takes
// all of it away. One thing at a time for each attachment: a DEL that comes while an ADD wires waits for it, and then removes
// what it made. A pod is wired while its address is being saved; nobody hears of it before both are done. Order is safety here: rules
// and routes go before the address is released. What the kernel did not let go is said, and the next ADD of the address, or the next
// verification, removes it.

import { formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import { SECOND_MS } from "../base/units.ts";
import { hostInterfaceOf } from "../datapath/identity.ts";
import type { BranchWiring, HostBranch, PodRemoval, PodWiring, WireOutcome } from "../datapath/types.ts";
import type { Attachment, Engine } from "../ipam/types.ts";
import { MAIN_TABLE } from "../netlink/types.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import { type AttachmentKey, type Attachments, keyText } from "./attachments.ts";
import { BranchBooks } from "./branch-books.ts";
import type { BranchEnis } from "./branch-enis.ts";
import type { CniService } from "./cni-service.ts";
import type { EngineHost } from "./engine-host.ts";
import type { AgentMetrics } from "./metrics.ts";
import { linkOwner, type PodNames } from "./pod-names.ts";
import { isLinkOf, kept, type Place, removalOf, suffixOf, unexpected, wiringOf, withRest } from "./pod-plan.ts";
import type { AddRequest, Deleted, DelRequest, EnforcingMode, PodSpec, Refused, Wired } from "./pod-requests.ts";
import { HUNG_UP, STARTING } from "./pod-requests.ts";
import type { PolicyAgent } from "./policy-agent.ts";
import { Turns } from "./turns.ts";

export interface PodNetworkOptions {
  readonly datapath: Datapath;
  readonly service: CniService;
  readonly host: EngineHost;
  readonly engine: Engine;
  readonly attachments: Attachments;
  readonly names: PodNames;
  readonly branchEnis: BranchEnis;
  readonly clock: Clock;
  readonly metrics: AgentMetrics;
  /** undefined: no network policy is enforced. */
  readonly policyAgent: PolicyAgent | undefined;
  /** The node's own rules and ENIs are set up; pods wait for it. */
  readonly nodeReady: Promise<void>;
  /** MAC of the trunk ENI; undefined when none is attached. */
  readonly trunkMac: () => string | undefined;
  /** Of links whose ADD nobody remembers. */
  readonly vethPrefix: string;
  readonly enforcingMode: EnforcingMode;
}

/** Of a pod, by its ADD's result. */
interface ToldByResult {
  readonly address: Ipv4 | undefined;
  readonly hostInterface: string | undefined;
}

export class PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #turns = new Turns();
  /** ADDs that may still wait for an address, by key: a DEL ends the wait. */
  readonly #waiting = new Map<string, number>();
  /** ADDs under way that got an address, by key. Until it is saved it may be lost again. */
  readonly #adding = new Map<string, { readonly address: Ipv4; isUnsaved: boolean }>();
  readonly #branches = new BranchBooks();
  readonly #leaving = new Set<Attachment>();
  #isNodeReady = false;

  constructor(options: PodNetworkOptions) {
    this.#options = options;
    void options.nodeReady.then(() => {
      this.#isNodeReady = true;
    });
  }

  get names(): PodNames {
    return this.#options.names;
  }

  /** Nothing is being wired or removed. */
  get isIdle(): boolean {
    return this.#turns.size === 0;
  }

  /** Its rules are being removed: they must not come back. */
  isLeaving(attachment: Attachment): boolean {
    return this.#leaving.has(attachment);
  }

  /** Those with a branch ENI that are neither being wired nor removed. */
  livingBranches(): readonly HostBranch[] {
    return this.#branches.living().filter(({ attachment }) => !this.isBusy(attachment));
  }

  /** Learns what the host and annotations tell of branch pods of before. Never rejects: resolves with what was in the way, one line each. */
  recallBranches(): Promise<readonly string[]> {
    // Before the node is ready nothing is wired yet, whoever waits.
    return this.#branches.recall(this.#options, (key) => this.#isNodeReady && this.isBusy(key));
  }

  isBusy(key: AttachmentKey): boolean {
    return this.#turns.isBusy(keyText(key));
  }

  /** Resolves when the ADDs that got this address, and may have lost it since, have ended; undefined: there is none. */
  endOfAdds(address: Ipv4): Promise<unknown> | undefined {
    const texts = [...this.#adding].filter(([, own]) => own.address === address).map(([text]) => text);
    return texts.length === 0 ? undefined : Promise.all(texts.map((text) => this.#turns.endOf(text)));
  }

  // -------------------------------------------------------------- ADD

  /** Answered by its deadline, whatever hangs; what is done later is taken back then. */
  async add(request: AddRequest): Promise<Wired | Refused> {
    const { service } = this.#options;
    const deadlineMs = service.deadlineMs(request.patienceMs);
    const answerByMs = service.answerByMs(request.patienceMs);
    const end = new AbortController();
    const hangUp = () => end.abort();
    request.signal.addEventListener("abort", hangUp);
    if (request.signal.aborted) hangUp();
    const text = keyText(request.key);
    const answer = this.#turns
      .take(text, () => {
        const patienceMs = service.patienceUntil(deadlineMs);
        return this.#add({ ...request, patienceMs, signal: end.signal }).finally(() => this.#adding.delete(text));
      })
      .finally(() => request.signal.removeEventListener("abort", hangUp));
    const answered = await service.byDeadline(answer, answerByMs);
    if (answered !== "late") return answered;
    end.abort();
    return this.#lateRefusal(request);
  }

  /** What an ADD waits for that is not done by its deadline. */
  #lateRefusal({ key }: AddRequest): Refused {
    const { datapath, metrics } = this.#options;
    const text = keyText(key);
    const isUnsaved = this.#waiting.has(text) || (this.#adding.get(text)?.isUnsaved && datapath.silence === undefined);
    const reason = isUnsaved ? "checkpoint-unwritable" : "starting";
    if (this.#isNodeReady && reason === "starting") {
      const why = datapath.silence ?? "The kernel was not done with the pod by the ADD's deadline";
      return this.#failed("kernel-refused", {
        message: `${why}; what was begun is taken back when it answers`,
        next: "STATUS says how long it lasts; an agent whose kernel does not come back restarts. The ADD is tried again.",
      });
    }
    metrics.inc("slash28_add_refusals_total", { reason });
    const what =
      reason === "starting" ? "the node's own network is not set up yet" : "the checkpoint is not written yet";
    return { kind: "refused", reason, message: `${what}, and the ADD's deadline is here` };
  }

  async #add(request: AddRequest): Promise<Wired | Refused> {
    if (request.signal.aborted) return HUNG_UP;
    const suffix = suffixOf(request);
    const vain = this.#impossible(request) ?? this.#nameTaken(request, suffix);
    if (vain !== undefined) return vain;
    const place = await this.#findPlace(request);
    if ("kind" in place) return place;
    // A start takes long: what is lost by then may be another pod's, one that wires itself even.
    if (!this.#isNodeReady) {
      const refusal = await place.saved;
      if (refusal !== undefined) return this.#unwireUnsaved(request, place, { outcome: undefined, refusal });
      await this.#options.nodeReady;
    }
    if (request.signal.aborted) return this.#rollBack(request, place, HUNG_UP);
    const [outcome, unsaved] = await Promise.all([this.#wire(request, place), place.saved]);
    if (unsaved !== undefined) return this.#unwireUnsaved(request, place, { outcome, refusal: unsaved });
    if (outcome.kind === "failed") return this.#rollBack(request, place, this.#wiringFailed(request, outcome));
    const { hostInterface, hostMac, isRepeat } = outcome;
    const refusal = request.signal.aborted ? HUNG_UP : await this.#enforcePolicy(request);
    if (refusal !== undefined) return this.#rollBack(request, place, refusal);
    // Whoever hung up meanwhile never learns of it: nobody would take the pod away.
    if (request.signal.aborted) return this.#rollBack(request, place, HUNG_UP);
    const { address, branch, deviceNumber, routeTableId } = place;
    const vlanId = branch?.vlanId ?? 0;
    if (branch !== undefined) {
      const { key: attachment, namespace, podName } = request;
      this.#branches.note({ attachment, namespace, podName, address, hostInterface, vlanId, branch });
    }
    return {
      kind: "wired",
      address,
      deviceNumber,
      routeTableId,
      isRepeat: isRepeat && (branch !== undefined || place.isRepeat),
      hostInterface,
      hostMac,
      podSuffix: suffix,
      mtu: request.mtu,
      vlanId,
      gateway: branch?.gateway,
    };
  }

  /** Before it has an address: one that is given back cools. A sandbox that has its address keeps it, which `#rollBack` says. */
  #impossible(request: AddRequest): Refused | undefined {
    const { datapath, service } = this.#options;
    const { key, netns, ...rest } = request;
    if (service.holderOf(key) !== undefined || this.#branches.has(key)) return undefined;
    const refusal = datapath.refusalOf({ ...rest, ifName: key.ifName, netnsPath: netns });
    return refusal && this.#wiringFailed(request, { kind: "failed", ...refusal, leftovers: [] });
  }

  /** Another pod whose name has the same hash has, or is getting, a link of that name. */
  #nameTaken(request: AddRequest, suffix: string): Refused | undefined {
    const { engine } = this.#options;
    const mine = linkOwner({ ...request, containerId: request.key.containerId });
    const counts = (attachment: Attachment): boolean =>
      engine.addressOf(attachment) !== undefined ||
      this.#turns.isBusy(keyText(this.#options.attachments.textOf(attachment)));
    for (const [, { namespace, podName }] of this.#options.names.withSuffix(suffix, counts)) {
      if (namespace === mine.namespace && podName === mine.podName) continue;
      const name = request.vethPrefix + suffix;
      return this.#failed("name-taken", {
        message: `the host link ${name} belongs to pod ${namespace}/${podName}: the names of both pods have the same hash`,
        next: "Delete this pod or the other one, so that it comes back under another name; a StatefulSet or a bare pod has to be renamed.",
      });
    }
    return undefined;
  }

  async #findPlace(request: AddRequest): Promise<Place | Refused> {
    const { branchEnis, metrics, service, trunkMac } = this.#options;
    const notReady = (message: string): Refused => {
      metrics.inc("slash28_add_refusals_total", { reason: "branch-eni-not-ready" });
      return { kind: "refused", reason: "branch-eni-not-ready", message };
    };
    const answer = await branchEnis.forAdd(request.namespace, request.podName);
    if (answer.kind === "not-ready") return notReady(answer.message);
    if (answer.kind === "branch") {
      const mac = trunkMac();
      if (mac === undefined) return notReady("the trunk ENI is not to be seen in instance metadata yet");
      const { address, ...rest } = answer.branch;
      const branch: BranchWiring = { ...rest, trunkMac: mac, mode: request.enforcingMode };
      const isRepeat = this.#branches.has(request.key);
      return { address, deviceNumber: -1, routeTableId: 0, branch, isRepeat, saved: Promise.resolve(undefined) };
    }
    if (request.signal.aborted) return HUNG_UP;
    const { namespace, podName, key, patienceMs, signal } = request;
    const asked = service.allocate(key, { namespace, podName, interfacesCount: 1 }, { patienceMs, signal });
    const text = keyText(key);
    this.#waiting.set(text, asked.id);
    const result = await asked.decided;
    this.#waiting.delete(text);
    if (result.kind === "refused") return result;
    if (result.kind !== "allocated") return unexpected(result);
    const { address, deviceNumber, routeTableId, isRepeat } = result;
    const adding = { address, isUnsaved: true };
    this.#adding.set(text, adding);
    const saved = asked.result.then((last) => {
      adding.isUnsaved = false;
      return last.kind === "refused" ? last : undefined;
    });
    return { address, deviceNumber, routeTableId, branch: undefined, isRepeat, saved };
  }

  async #wire(request: AddRequest, place: Place): Promise<WireOutcome> {
    const { clock, datapath, metrics } = this.#options;
    const startedMs = clock.nowMs();
    const outcome = await datapath.wirePod(wiringOf(request, place));
    const seconds = (clock.nowMs() - startedMs) / clock.rate / SECOND_MS;
    metrics.observe("slash28_pod_wiring_duration_seconds", { outcome: outcome.kind }, seconds);
    return outcome;
  }

  /** The engine has taken the address back already; but not from one that had it before and waited for another pod's save. */
  async #unwireUnsaved(
    request: AddRequest,
    place: Place,
    { outcome, refusal }: { readonly outcome: WireOutcome | undefined; readonly refusal: Refused },
  ): Promise<Refused> {
    const { attachments, datapath, engine } = this.#options;
    const attachment = attachments.find(request.key);
    if (attachment !== undefined && engine.addressOf(attachment) === place.address) return kept(refusal, place);
    const isWired = outcome?.kind === "wired";
    const left = isWired ? await datapath.unwirePod(removalOf(request, place)) : (outcome?.leftovers ?? []);
    return { ...refusal, message: withRest(refusal.message, left) };
  }

  #wiringFailed(request: AddRequest, outcome: Extract<WireOutcome, { kind: "failed" }>): Refused {
    const { problem, message, next, leftovers } = outcome;
    this.#options.host.say("podWiringFailed", request.key.containerId, message);
    return this.#failed(problem, { message: withRest(message, leftovers), next });
  }

  #failed(
    problem: NonNullable<Refused["problem"]>,
    { message, next }: { readonly message: string; readonly next: string },
  ): Refused {
    const { metrics } = this.#options;
    metrics.inc("slash28_add_refusals_total", { reason: "network-setup-failed" });
    metrics.inc("slash28_pod_wiring_failures_total", { problem });
    return { kind: "refused", reason: "network-setup-failed", problem, message, next };
  }

  async #enforcePolicy(request: AddRequest): Promise<Refused | undefined> {
    const { host, policyAgent } = this.#options;
    const problem = await policyAgent?.enforce(request);
    if (problem === undefined) return undefined;
    host.say("podPolicyFailed", request.namespace, request.podName, problem);
    return this.#failed("network-policy", {
      message: problem,
      next: "Look at the network policy agent (container aws-eks-nodeagent) of this node, or unset NETWORK_POLICY_ENFORCING_MODE. The runtime tries again.",
    });
  }

  /** Takes back what the ADD has done, and says what stays. An attachment that had its address before keeps it: its pod may run. */
  async #rollBack(request: AddRequest, place: Place, refusal: Refused): Promise<Refused> {
    const { attachments, datapath, service } = this.#options;
    const { address, branch, isRepeat } = place;
    if (isRepeat) return kept(refusal, place);
    const attachment = attachments.find(request.key);
    const left = await this.#whileLeaving(attachment, async () => {
      const rest = [...(await datapath.unwirePod(removalOf(request, place)))];
      if (branch !== undefined) return rest;
      const released = await service.release(request.key).result;
      if (released.kind === "refused") {
        rest.push(`the address ${formatIpv4(address)} (${released.message}); a DEL of this sandbox releases it`);
      }
      return rest;
    });
    return { ...refusal, message: withRest(refusal.message, left) };
  }

  async #whileLeaving<T>(attachment: Attachment | undefined, work: () => Promise<T>): Promise<T> {
    if (attachment === undefined) return work();
    this.#leaving.add(attachment);
    try {
      return await work();
    } finally {
      this.#leaving.delete(attachment);
    }
  }

  // -------------------------------------------------------------- DEL, GC, stale allocations

  del(request: DelRequest): Promise<Deleted | Refused> {
    const text = keyText(request.key);
    const waiting = this.#waiting.get(text);
    if (waiting !== undefined) this.#options.host.abandon(waiting);
    return this.#turns.take(text, () => this.#del(request));
  }

  async #del(request: DelRequest): Promise<Deleted | Refused> {
    const { datapath, host, policyAgent, service } = this.#options;
    // Before the checkpoint is restored nobody knows what this attachment has; the engine says so.
    const attachment = host.isReady ? service.holderOf(request.key) : undefined;
    const removal = host.isReady ? await this.#removalOf(request, attachment) : undefined;
    const answer = await this.#whileLeaving(attachment, async (): Promise<Deleted | Refused> => {
      const left = removal === undefined ? [] : await datapath.unwirePod(removal);
      for (const line of left) host.say("podRestLeft", request.key.containerId, line);
      const result = await service.release(request.key).result;
      if (result.kind === "refused") return { ...result, message: withRest(result.message, left) };
      if (result.kind === "released") {
        const { address, deviceNumber, routeTableId } = result;
        return { kind: "deleted", address, deviceNumber, routeTableId, left };
      }
      const branchAddress =
        removal !== undefined && removal.vlanId > 0 && removal.address !== 0 ? removal.address : undefined;
      return { kind: "deleted", address: branchAddress, deviceNumber: 0, routeTableId: 0, left };
    });
    if (answer.kind === "deleted") {
      const wasOurs = this.#branches.delete(request.key) || attachment !== undefined;
      // The policy agent knows pods by name: told of one that is gone already, it would free the sandbox that came after it.
      if (!wasOurs || policyAgent === undefined || this.#hasOtherSandbox(request)) return answer;
      const problem = await policyAgent.forget(request);
      if (problem !== undefined) host.say("podPolicyFailed", request.namespace, request.podName, problem);
    }
    return answer;
  }

  #hasOtherSandbox(request: DelRequest): boolean {
    const { attachments, engine } = this.#options;
    const { key, namespace, podName } = request;
    const suffix = suffixOf(request);
    for (const { hostInterface } of this.#branches.pods(key)) if (hostInterface.endsWith(suffix)) return true;
    for (const [attachment, text] of attachments.entries()) {
      if (text.namespace !== namespace || text.podName !== podName || keyText(text) === keyText(key)) continue;
      if (engine.addressOf(attachment) !== undefined) return true;
    }
    return false;
  }

  /** What is to go: by our own books first, then by what the caller remembers, then by the pod's annotation. */
  async #removalOf(request: DelRequest, attachment: Attachment | undefined): Promise<PodRemoval | undefined> {
    const { branchEnis, engine, vethPrefix } = this.#options;
    if (attachment !== undefined) {
      const suffix = this.#options.names.suffixOf(attachment);
      const hostInterface = isLinkOf(suffix, request.hostInterface) ? request.hostInterface : vethPrefix + suffix;
      return { attachment: request.key, address: engine.addressOf(attachment) ?? 0, hostInterface, vlanId: 0 };
    }
    const wired = this.#branches.removalOf(request.key);
    if (wired !== undefined) return wired;
    const told = this.#toldRemoval(request);
    if (told !== undefined) return told;
    const answer = await branchEnis.forDel(request.namespace, request.podName, request.podUid);
    if (answer.kind !== "branch" || this.#branches.isVlanOfOther(request.key, answer.branch.vlanId)) return undefined;
    const prefix = this.#options.enforcingMode === "strict" ? "vlan" : vethPrefix;
    const { address, vlanId } = answer.branch;
    const hostInterface = prefix + suffixOf(request);
    return { attachment: request.key, address, hostInterface, vlanId, mayBeTaken: true };
  }

  /** The caller's memory may be older than ours: what another attachment has by now is left alone. */
  #toldRemoval(request: DelRequest): PodRemoval | undefined {
    const vlanId = this.#branches.isVlanOfOther(request.key, request.vlanId) ? 0 : request.vlanId;
    const address = request.address === undefined || this.#isHeld(request.address) ? 0 : request.address;
    const isOurs = isLinkOf(suffixOf(request), request.hostInterface);
    const hostInterface = isOurs ? request.hostInterface : "";
    if (address === 0 && vlanId === 0 && hostInterface === "") return undefined;
    return { attachment: request.key, address, hostInterface, vlanId, mayBeTaken: true };
  }

  #isHeld(address: Ipv4): boolean {
    let isHeld = false;
    this.#options.engine.eachAllocation((_, held) => {
      if (held === address) isHeld = true;
    });
    for (const branch of this.#branches.pods()) if (branch.address === address) isHeld = true;
    return isHeld;
  }

  /** Removes every attachment of the network that is not listed; single failures are lines at the end. */
  async collect(
    networkName: string,
    isValid: (key: AttachmentKey) => boolean,
  ): Promise<{ readonly releasedCount: number; readonly problems: readonly string[] } | Refused> {
    const { attachments, engine, host } = this.#options;
    if (!host.isReady) return STARTING;
    const stale: AttachmentKey[] = [];
    for (const [attachment, text] of attachments.entries()) {
      if (text.networkName !== networkName || isValid(text) || engine.addressOf(attachment) === undefined) continue;
      stale.push(text);
    }
    for (const { attachment } of this.#branches.pods()) {
      if (attachment.networkName === networkName && !isValid(attachment)) stale.push(attachment);
    }
    const answers = await Promise.all(stale.map((key) => this.drop(key)));
    const problems = answers.flatMap((answer) => answer.problems);
    return { releasedCount: answers.filter((answer) => answer.isReleased).length, problems };
  }

  /** A DEL that nobody asked for; `problems` is what could not be removed, one line each. */
  async drop(key: AttachmentKey): Promise<{ readonly isReleased: boolean; readonly problems: readonly string[] }> {
    const { attachments } = this.#options;
    const attachment = attachments.find(key);
    const text = attachment === undefined ? this.#branches.get(key) : attachments.textOf(attachment);
    const answer = await this.del({
      key: { networkName: key.networkName, containerId: key.containerId, ifName: key.ifName },
      namespace: text?.namespace ?? "",
      podName: text?.podName ?? "",
      podUid: "",
      address: undefined,
      hostInterface: "",
      vlanId: 0,
    });
    const named = `${key.networkName}/${key.containerId}/${key.ifName}`;
    if (answer.kind === "refused") return { isReleased: false, problems: [`${named}: ${answer.message}`] };
    return { isReleased: true, problems: answer.left.map((line) => `${named}: ${line}`) };
  }

  // -------------------------------------------------------------- CHECK

  /** What is not as the ADD left it, one line each. `told`: what the ADD's result says; what is left out is whatever it is. */
  check(spec: PodSpec, told: ToldByResult): Promise<readonly string[] | Refused> {
    const { host } = this.#options;
    return this.#turns.take(keyText(spec.key), async () => (host.isReady ? this.#check(spec, told) : STARTING));
  }

  async #check(spec: PodSpec, { address, hostInterface }: ToldByResult): Promise<readonly string[] | Refused> {
    const { branchEnis, clock, datapath, engine, service, trunkMac } = this.#options;
    const checkPod = async (pod: PodWiring): Promise<readonly string[]> => {
      const own = hostInterfaceOf(pod);
      if (hostInterface === undefined || hostInterface === own) return datapath.checkPod(pod);
      return [`the result names the host link ${hostInterface}; this pod's is ${own}`];
    };
    const answer = await branchEnis.forAdd(spec.namespace, spec.podName);
    if (answer.kind === "not-ready")
      return { kind: "refused", reason: "branch-eni-not-ready", message: answer.message };
    if (answer.kind === "branch") {
      const { address: own, ...rest } = answer.branch;
      const mac = trunkMac();
      if (mac === undefined) return ["the trunk ENI is not to be seen in instance metadata"];
      if (address !== undefined && address !== own) return [`the pod's branch ENI has ${formatIpv4(own)}`];
      const branch: BranchWiring = { ...rest, trunkMac: mac, mode: spec.enforcingMode };
      return checkPod(wiringOf(spec, { address: own, routeTableId: MAIN_TABLE, branch }));
    }
    const attachment = service.holderOf(spec.key);
    const held = attachment === undefined ? undefined : engine.addressOf(attachment);
    if (held === undefined) return ["the agent holds no address for this attachment"];
    if (address !== undefined && address !== held) {
      return [`the agent holds ${formatIpv4(held)} for this attachment, not ${formatIpv4(address)}`];
    }
    for (const eni of engine.view(clock.nowMs()).enis) {
      const isHere = eni.cidrs.some((cidr) => cidr.addresses.some((one) => one.address === held));
      if (!isHere) continue;
      return checkPod(wiringOf(spec, { address: held, routeTableId: eni.routeTableId, branch: undefined }));
    }
    return [`no ENI of this node owns ${formatIpv4(held)}`];
  }
}
