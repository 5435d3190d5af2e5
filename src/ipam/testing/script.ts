// Runs golden scripts: each command drives one test node through its inputs, and prints what is worth reading. The state of a
// script is reached as a node reaches it: attached ENIs in metadata, a checkpoint, pods that come and go. Commands:
//
//   node [type=m5.large] [limits=ENIS/IPV4] [mode=prefix|secondary] [max-pods=110] [W= M= WP= WE=] [VARIABLE=text]
//        [imds-lag=2s] [seed=1]
//   subnet NAME CIDR [tag=key:value,...]         foreign SUBNET PREFIX...   (somebody else's, there before the node starts)
//   eni NAME [prefixes=LIST] [addresses=TOTAL[:USED[+COOLING]]] [type=trunk] [subnet=] [device=] [tag=key:value,...]
//     LIST: `none`, or items [N*][BASE/28:]USED[+COOLING] such as 2*16,6+10; pods are numbered from 1, cooling ones from 1001
//   start            boots and prints its EC2 calls
//   start settled    boots without the first growth step (cordoned until it is ready), so that the state stays as written
//   start cordoned   the same, and leaves the node cordoned
//   restart | cordon | uncordon | stop | max-pods N | eniconfig NAME SUBNET
//   pass [N]         one period of the pool loop: the numbers it decides on, the decision, its EC2 calls
//   run 30s          virtual time with its EC2 calls
//   add N[..N] | del N[..N]
//   serve N..N       ADDs again every 500 ms until all have an address
//   refuse ACTION CODE [times=] [over=UNITS] [eni=] [subnet=] [message=""]      heal
//   imds fail|empty|ok | imds hide ENI | imds no-prefixes ENI
//   vpc assign|unassign ENI PREFIX... | vpc detach ENI | vpc attach [type=] [prefixes=]      by somebody else
//   save fail|ok
//   stats | enis | log "text" | settings

import { formatIpv4, type Ipv4, parseCidr } from "../../base/ipv4.ts";
import { instanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import { parseSettings } from "../settings.ts";
import type { Allocation, Ec2Eni, ReplyResult, Tag } from "../types.ts";
import { blocksOf, type Command, type Script, ScriptError } from "./script-file.ts";
import { callText, cidrTexts, decisionLine } from "./script-text.ts";
import { type RecordedCall, type TestEni, TestNode, type TestNodeOptions, WALL_START_MS } from "./test-node.ts";

const PASS_AT_MS = 2_500;
const PERIOD_MS = 5_000;
/** Commands run a little after the engine's own moments, so that a wake that is a little late is still before them. */
const OFFSET_MS = 1;
const COOLING_FROM = 1001;

/** What an expander changes about every node of a script. */
export type NodeChanges = Pick<TestNodeOptions, "wrapEngine" | "reversesTies" | "crashAfterEffect" | "seed">;

export interface ScriptRun {
  /** The lines that each block printed. */
  readonly outputs: readonly (readonly string[])[];
  /** In the order of the script's `node` commands. */
  readonly nodes: readonly TestNode[];
}

/** Throws `ScriptError`, with file and line, for a command it does not understand. */
export function runScript(script: Script, changes: NodeChanges = {}): ScriptRun {
  const runner = new Runner(script.file, changes);
  const outputs = blocksOf(script).map((block) => {
    const lines = block.commands.flatMap((command) => runner.run(command));
    return lines.length > 0 ? lines : ["ok"];
  });
  return { outputs, nodes: runner.nodes };
}

type SubnetSpec = { cidr: string; tags: Tag[] };
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Runner {
  readonly #file: string;
  readonly #changes: NodeChanges;
  readonly nodes: TestNode[] = [];
  #command: Command | undefined;
  // Before `start`.
  #options: Mutable<TestNodeOptions> = {};
  #subnets = new Map<string, SubnetSpec>();
  #enis: Partial<TestEni>[] = [];
  #foreign: Partial<TestEni>[] = [];
  #checkpoint: Allocation[] = [];
  #coolingPods: number[] = [];
  #nextBlock = new Map<string, Ipv4>();
  #pods = 0;
  // After it.
  #node: TestNode | undefined;
  #callsSeen = 0;
  #logsSeen = 0;

  constructor(file: string, changes: NodeChanges) {
    this.#file = file;
    this.#changes = changes;
  }

  run(command: Command): string[] {
    this.#command = command;
    switch (command.name) {
      case "node":
        return this.#describeNode();
      case "subnet":
        this.#subnets.set(this.#word(0), { cidr: this.#word(1), tags: this.#tags() });
        return [];
      case "foreign":
        this.#foreign.push({
          eniId: `foreign-${this.#foreign.length + 1}`,
          subnetId: this.#word(0),
          attachmentId: undefined,
          deviceNumber: undefined,
          prefixes: command.words.slice(1).map((text) => this.#base(text)),
        });
        return [];
      case "eni":
        return this.#describeEni();
      case "start":
        return this.#start(command.words[0] ?? "");
      case "restart":
        this.#started.restart();
        return [...this.#calls(), ...this.#exit()];
      case "cordon":
      case "uncordon":
        this.#started.changeNode({ isUnschedulable: command.name === "cordon" });
        return [];
      case "max-pods":
        this.#started.changeNode({ maxPods: this.#number(this.#word(0)) });
        return [];
      case "eniconfig": {
        const eniConfig = { name: this.#word(0), subnetId: this.#word(1), securityGroupIds: [] };
        if (this.#node === undefined) this.#options.eniConfig = eniConfig;
        else this.#node.changeNode({ eniConfig });
        return [];
      }
      case "stop":
        this.#started.input({ kind: "stopping" });
        return [];
      case "pass":
        return this.#passes(this.#number(command.words[0] ?? "1"));
      case "run":
        return this.#runFor(this.#durationMs(this.#word(0)));
      case "add":
      case "del":
        return this.#addOrDel();
      case "serve":
        return this.#serve();
      case "refuse":
        return this.#refuse();
      case "heal":
        this.#started.heal();
        return [];
      case "imds":
        return this.#imds();
      case "vpc":
        return this.#vpc();
      case "save":
        this.#started.saveError =
          this.#word(0) === "fail" ? (command.words[1] ?? "no space left on device") : undefined;
        return [];
      case "stats":
        return [decisionLine(this.#started)];
      case "enis":
        return this.#started.engine
          .view(this.#started.nowMs)
          .enis.map((eni) => `${eni.eniId}: ${cidrTexts(eni)}${eni.isExcluded ? ", excluded" : ""}`);
      case "log":
        return this.#log(this.#word(0));
      case "settings": {
        const { settings } = parseSettings({ ENABLE_IPv4: "true", ...this.#options.env });
        return [
          `W=${settings.warmIpTarget} M=${settings.minimumIpTarget} WP=${settings.warmPrefixTarget} WE=${settings.warmEniTarget} cooldown=${settings.cooldownMs / 1000}s`,
        ];
      }
      default:
        return this.#fail(`there is no command "${command.name}"; script.ts lists them`);
    }
  }

  // -------------------------------------------------------------- before the start

  #describeNode(): string[] {
    const given = this.#command?.options ?? new Map<string, string>();
    this.#options = {};
    this.#subnets = new Map();
    this.#enis = [];
    this.#foreign = [];
    this.#checkpoint = [];
    this.#coolingPods = [];
    this.#nextBlock = new Map();
    this.#pods = 0;
    this.#node = undefined;
    const type = given.get("type") ?? "m5.large";
    const limits = instanceTypeLimits(type) ?? this.#fail(`no instance type "${type}" in the catalog`);
    const [enis, ipv4PerEni] = given.get("limits")?.split("/").map(Number) ?? [limits.eniCountMax, limits.ipv4PerEni];
    // The leak cleaner lists ENIs after a random delay: off unless a script is about it.
    const env: Record<string, string> = { DISABLE_LEAKED_ENI_CLEANUP: "true" };
    env["ENABLE_PREFIX_DELEGATION"] = given.get("mode") === "secondary" ? "false" : "true";
    const short = { W: "WARM_IP_TARGET", M: "MINIMUM_IP_TARGET", WP: "WARM_PREFIX_TARGET", WE: "WARM_ENI_TARGET" };
    for (const [name, variable] of Object.entries(short)) {
      const value = given.get(name);
      if (value !== undefined) env[variable] = value;
    }
    for (const [name, value] of given) {
      if (/^[A-Z]\w{2,}$/.test(name)) env[name] = value;
      else if (!(name in short) && !["type", "limits", "mode", "max-pods", "imds-lag", "seed"].includes(name))
        this.#fail(`a node has no option "${name}"`);
    }
    this.#options = {
      env,
      instance: { enis: enis ?? 0, ipv4PerEni: ipv4PerEni ?? 0 },
      supportsPrefixes: supportsPrefixes(limits),
      maxPods: this.#number(given.get("max-pods") ?? "110"),
      imdsLagMs: this.#durationMs(given.get("imds-lag") ?? "0s"),
      seed: this.#number(given.get("seed") ?? "1"),
    };
    return [];
  }

  #describeEni(): string[] {
    const given = this.#command?.options ?? new Map<string, string>();
    const name = this.#word(0);
    if (name !== `eni-${this.#enis.length + 1}`) this.#fail(`the next ENI is eni-${this.#enis.length + 1}`);
    if (this.#subnets.size === 0) this.#subnets.set("subnet-1", { cidr: "10.0.0.0/20", tags: [] });
    const subnetId = given.get("subnet") ?? [...this.#subnets.keys()][0] ?? "";
    const { base } =
      parseCidr(this.#subnets.get(subnetId)?.cidr ?? "") ?? this.#fail(`there is no subnet "${subnetId}"`);
    const eni: Mutable<Partial<TestEni>> = { subnetId, prefixes: [], addresses: [] };
    for (const item of (given.get("prefixes") ?? "none").split(",")) {
      if (item === "none") continue;
      const parts = /^(?:(\d+)\*)?(?:([\d.]+\/28):)?(\d+)(?:\+(\d+))?$/.exec(item);
      if (parts === null) return this.#fail(`"${item}" is not [N*][BASE/28:]USED[+COOLING]`);
      for (let i = 0; i < Number(parts[1] ?? 1); i++) {
        const block = parts[2] === undefined ? this.#takeBlock(subnetId, base) : this.#base(parts[2]);
        eni.prefixes?.push(block);
        this.#occupy(block, Number(parts[3]), Number(parts[4] ?? 0));
      }
    }
    const addresses = /^(\d+)(?::(\d+)(?:\+(\d+))?)?$/.exec(given.get("addresses") ?? "0");
    if (addresses === null) return this.#fail("addresses are TOTAL[:USED[+COOLING]]");
    const first = base + 2048 + this.#enis.length * 64;
    for (let i = 0; i < Number(addresses[1]); i++) eni.addresses?.push(first + i);
    this.#occupy(first, Number(addresses[2] ?? 0), Number(addresses[3] ?? 0));
    const type = given.get("type");
    if (type !== undefined) eni.interfaceType = type as Ec2Eni["interfaceType"];
    if (given.has("device")) eni.deviceNumber = this.#number(given.get("device") ?? "");
    eni.tags = this.#tags();
    this.#enis.push(eni);
    return [];
  }

  #takeBlock(subnetId: string, base: Ipv4): Ipv4 {
    const block = this.#nextBlock.get(subnetId) ?? base + 16;
    this.#nextBlock.set(subnetId, block + 16);
    return block;
  }

  #occupy(first: Ipv4, usedCount: number, coolingCount: number): void {
    for (let i = 0; i < usedCount + coolingCount; i++) {
      const isUsed = i < usedCount;
      const attachment = isUsed ? ++this.#pods : COOLING_FROM + this.#coolingPods.length;
      if (!isUsed) this.#coolingPods.push(attachment);
      const allocatedWallMs = WALL_START_MS - 1000;
      this.#checkpoint.push({ attachment, address: first + i, allocatedWallMs, allocatedNsRest: 0 });
    }
  }

  #start(how: string): string[] {
    if (!["", "settled", "cordoned"].includes(how)) this.#fail(`a node starts plainly, settled or cordoned`);
    const [primary, ...extraEnis] = this.#enis;
    const node = new TestNode({
      ...this.#options,
      ...this.#changes,
      ...(this.#subnets.size > 0 ? { subnets: Object.fromEntries(this.#subnets) } : {}),
      ...(primary === undefined ? {} : { primary }),
      ...(this.#checkpoint.length > 0 ? { checkpoint: this.#checkpoint } : {}),
      extraEnis,
      isUnschedulable: how !== "",
    });
    for (const foreign of this.#foreign) node.put(foreign);
    this.#node = node;
    this.nodes.push(node);
    this.#callsSeen = 0;
    this.#logsSeen = 0;
    node.start();
    for (const pod of this.#coolingPods) node.del(pod);
    if (how === "settled") node.changeNode({ isUnschedulable: false });
    const lines = how === "" ? this.#calls() : [];
    this.#callsSeen = node.calls.length;
    node.run(OFFSET_MS);
    return [...lines, ...this.#exit()];
  }

  #exit(): string[] {
    const exit = this.#started.exit;
    return exit === undefined ? [] : [`exit ${exit.reason}: ${exit.message}`];
  }

  // -------------------------------------------------------------- after it

  #passes(count: number): string[] {
    const node = this.#started;
    const groups: { readonly text: string; count: number }[] = [];
    for (let i = 0; i < count; i++) {
      node.run(PASS_AT_MS - 2 * OFFSET_MS);
      const line = decisionLine(node);
      const passAtMs = node.nowMs + OFFSET_MS;
      node.run(PERIOD_MS - PASS_AT_MS + 2 * OFFSET_MS);
      this.#finishPeriod(passAtMs);
      const text = [line, ...this.#callsOr("no call")].join("\n");
      const last = groups.at(-1);
      if (last?.text === text) last.count++;
      else groups.push({ text, count: 1 });
    }
    return groups.flatMap((group) => [
      ...group.text.split("\n"),
      ...(group.count > 1 ? [`(${group.count} passes alike)`] : []),
    ]);
  }

  /** Calls and pauses of a pass put off the second half of its period. */
  #finishPeriod(passAtMs: number): void {
    const node = this.#started;
    for (let endMs = node.nowMs; ; endMs = node.nowMs) {
      const isBusy = node.engine.view(endMs).inProgress.length > 0;
      const lastCallMs = Math.max(passAtMs, ...node.calls.slice(this.#callsSeen).map(({ atMs }) => atMs));
      const untilMs = isBusy ? endMs + PERIOD_MS : lastCallMs + PERIOD_MS - PASS_AT_MS + OFFSET_MS;
      // A call at the very end is one of the reconcile: nothing follows it.
      if (!isBusy && (untilMs <= endMs || lastCallMs >= endMs - 2 * OFFSET_MS)) return;
      if (endMs - passAtMs > 600_000) this.#fail("the pass does not end");
      node.run(untilMs - endMs);
    }
  }

  #runFor(durationMs: number): string[] {
    const node = this.#started;
    const fromMs = node.nowMs - OFFSET_MS;
    node.run(durationMs);
    const lines = this.#newCalls().map((call) => `+${seconds(call.atMs - fromMs)} ${callText(call)}`);
    return lines.length > 0 ? lines : ["no call"];
  }

  #addOrDel(): string[] {
    const node = this.#started;
    const pods = this.#range(this.#word(0));
    const results = pods.map((pod) => (this.#command?.name === "add" ? node.add(pod) : node.del(pod)));
    if (pods.length <= 3) return pods.map((pod, i) => `pod ${pod}: ${replyText(results[i])}`);
    const counts = new Map<string, number>();
    for (const result of results) {
      const key = result.kind === "refused" ? `refused: ${result.reason}` : result.kind;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts].map(([key, count]) => `${count} pods ${key}`);
  }

  #serve(): string[] {
    const node = this.#started;
    const pods = this.#range(this.#word(0));
    const waiting = new Set(pods);
    const lines: string[] = [];
    const startMs = node.nowMs;
    const total = () => decisionLine(node).split(" ")[0] ?? "";
    for (let before = total(); ; ) {
      for (const pod of waiting) if (node.add(pod).kind === "allocated") waiting.delete(pod);
      if (waiting.size === 0 || node.nowMs - startMs >= 120_000) break;
      node.run(500);
      const after = `+${seconds(node.nowMs - startMs)}`;
      lines.push(...this.#calls().map((call) => `${after} ${call}`));
      const now = total();
      if (now !== before) lines.push(`${after} ${now}`);
      before = now;
    }
    lines.push(
      `${pods.length - waiting.size} of ${pods.length} served, the last after ${seconds(node.nowMs - startMs)}`,
    );
    return lines;
  }

  #refuse(): string[] {
    const given = this.#command?.options ?? new Map<string, string>();
    const over = Number(given.get("over") ?? 0);
    this.#started.refuse(this.#word(0), this.#word(1), given.get("message") ?? "", {
      times: given.has("times") ? Number(given.get("times")) : Number.POSITIVE_INFINITY,
      when: (intention) => {
        if (given.has("eni") && (!("eniId" in intention) || intention.eniId !== given.get("eni"))) return false;
        if (given.has("subnet") && (!("subnetId" in intention) || intention.subnetId !== given.get("subnet")))
          return false;
        return over === 0 || ("prefixCount" in intention && intention.prefixCount + intention.addressCount > over);
      },
    });
    return [];
  }

  #imds(): string[] {
    const node = this.#started;
    const what = this.#word(0);
    const eniId = this.#command?.words[1];
    node.imdsError = what === "fail" ? "metadata is away" : undefined;
    node.metadataView = (enis) => {
      if (what === "empty") return [];
      if (what === "hide") return enis.filter((eni) => eni.eniId !== eniId);
      if (what !== "no-prefixes") return enis;
      return enis.map((eni) => (eni.eniId === eniId ? { ...eni, prefixes: [] } : eni));
    };
    return ["fail", "empty", "hide", "no-prefixes", "ok"].includes(what) ? [] : this.#fail(`imds cannot "${what}"`);
  }

  #vpc(): string[] {
    const node = this.#started;
    const given = this.#command?.options ?? new Map<string, string>();
    if (this.#word(0) === "attach") {
      const prefixes = (given.get("prefixes") ?? "").split(",").filter((text) => text !== "");
      const eni = node.put({
        attachmentId: "eni-attach-foreign",
        deviceNumber: node.enis.size,
        tags: this.#tags(),
        prefixes: prefixes.map((text) => this.#base(text)),
        ...(given.has("type") ? { interfaceType: given.get("type") as Ec2Eni["interfaceType"] } : {}),
      });
      return [`${eni.eniId} attached`];
    }
    const eni = node.enis.get(this.#word(1)) ?? this.#fail(`there is no ENI "${this.#word(1)}"`);
    const bases = (this.#command?.words.slice(2) ?? []).map((text) => this.#base(text));
    if (this.#word(0) === "assign") eni.prefixes.push(...bases);
    else if (this.#word(0) === "unassign") eni.prefixes = eni.prefixes.filter((base) => !bases.includes(base));
    else if (this.#word(0) === "detach") node.enis.delete(eni.eniId);
    else this.#fail(`"${this.#word(0)}" is not assign, unassign, attach or detach`);
    return [];
  }

  #log(part: string): string[] {
    const lines = this.#started.logs.slice(this.#logsSeen).filter((line) => line.text.includes(part));
    this.#logsSeen = this.#started.logs.length;
    if (lines.length === 0) return ["not logged"];
    const texts = [...new Set(lines.map((line) => line.text))];
    return texts.map((text) => {
      const count = lines.filter((line) => line.text === text).length;
      return count === 1 ? text : `${text} (${count} times)`;
    });
  }

  // -------------------------------------------------------------- small things

  get #started(): TestNode {
    return this.#node ?? this.#fail(`the node has not been started`);
  }

  #newCalls(): readonly RecordedCall[] {
    const calls = this.#started.calls.slice(this.#callsSeen);
    this.#callsSeen = this.#started.calls.length;
    return calls;
  }

  #calls(): string[] {
    return this.#newCalls().map(callText);
  }

  #callsOr(nothing: string): string[] {
    const lines = this.#calls();
    return lines.length > 0 ? lines : [nothing];
  }

  #word(index: number): string {
    return this.#command?.words[index] ?? this.#fail(`a word is missing`);
  }

  #number(text: string): number {
    return /^\d+$/.test(text) ? Number(text) : this.#fail(`"${text}" is not a whole number`);
  }

  #durationMs(text: string): number {
    const parts = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
    if (parts === null) return this.#fail(`"${text}" is not a duration such as 500ms, 30s or 2m`);
    return Number(parts[1]) * (parts[2] === "ms" ? 1 : parts[2] === "s" ? 1_000 : 60_000);
  }

  #base(text: string): Ipv4 {
    const cidr = parseCidr(text);
    return cidr?.prefixLength === 28 ? cidr.base : this.#fail(`"${text}" is not a /28`);
  }

  #range(text: string): number[] {
    const [first = "", last = first] = text.split("..");
    const from = this.#number(first);
    return Array.from({ length: this.#number(last) - from + 1 }, (_, i) => from + i);
  }

  #tags(): Tag[] {
    const texts = this.#command?.options.get("tag")?.split(",") ?? [];
    return texts.map((text) => {
      const colon = text.lastIndexOf(":");
      return { key: text.slice(0, colon), value: text.slice(colon + 1) };
    });
  }

  #fail(message: string): never {
    throw new ScriptError(`${this.#file}:${this.#command?.line ?? 0}:1: ${message}: ${this.#command?.text ?? ""}`);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10}s`;
}

function replyText(result: ReplyResult | undefined): string {
  switch (result?.kind) {
    case "allocated":
      return `${formatIpv4(result.address)} on device ${result.deviceNumber}, table ${result.routeTableId}${result.isRepeat ? ", again" : ""}`;
    case "released":
      return `released ${formatIpv4(result.address)}`;
    case "refused":
      return `refused: ${result.reason}`;
    default:
      return result?.kind ?? "no reply";
  }
}
