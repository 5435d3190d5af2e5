// A node's agent without sockets, files and threads: the real bodies on a kernel of plain maps, a small EC2 and virtual time. A test
// says how long the disk and the kernel take and when they fail, and may kill the agent at any moment. Equal from the same draws.

import { type Ipv4, parseIpv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Operations } from "../../datapath/service.ts";
import { datapathService } from "../../datapath/service.ts";
import { FakeKernel } from "../../datapath/testing/fake-kernel.ts";
import { Death, type Fault, FaultyKernel } from "../../datapath/testing/faulty-kernel.ts";
import type { PodWiring, WireOutcome } from "../../datapath/types.ts";
import { decodeCheckpoint, splitTimestampNs } from "../../ipam/checkpoint.ts";
import { createEngine } from "../../ipam/engine.ts";
import { TestNode, WALL_START_MS } from "../../ipam/testing/test-node.ts";
import type { Allocation, Engine } from "../../ipam/types.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Datapath } from "../../ports/datapath.ts";
import type { Imds } from "../../ports/imds.ts";
import { Attachments } from "../attachments.ts";
import { parseAgentConfig } from "../config.ts";
import { EngineHost } from "../engine-host.ts";
import { AgentMetrics } from "../metrics.ts";
import { NodeNetwork } from "../network.ts";
import { buildServices, type Services } from "../services.ts";

/** What happens to one write of the checkpoint. */
export interface DiskFate {
  readonly afterMs: Ms;
  readonly error: string | undefined;
}

/** What happens to one thing that is asked of the kernel. */
export interface KernelFate {
  readonly afterMs: Ms;
  readonly fault: Fault | undefined;
}

export interface FakeNodeOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly instance: { readonly enis: number; readonly ipv4PerEni: number };
  readonly seed: number;
  readonly disk: () => DiskFate;
  readonly kernel: (operation: keyof Operations) => KernelFate;
  /** Whether a write that was under way when the agent was killed is on the disk. */
  readonly isWrittenAtDeath: () => boolean;
}

interface Alarm {
  readonly atMs: Ms;
  readonly order: number;
  readonly callback: () => void;
}

export interface RunningBody {
  readonly engine: Engine;
  readonly host: EngineHost;
  readonly attachments: Attachments;
  readonly service: Services["service"];
  readonly pods: NonNullable<Services["pods"]>;
}

export class FakeNode {
  readonly plain = new FakeKernel();
  /** Checkpoint's text as a crash would find it. */
  durable: string | undefined;
  /** Of each pod, by container id: as it was asked for last. */
  readonly wirings = new Map<string, PodWiring>();
  body: RunningBody | undefined;
  nowMs: Ms = 0;
  /** Of assertions and the like: there should be none. */
  readonly crashes: unknown[] = [];
  /** What was done, for whoever looks into a history that went wrong. */
  readonly trace: string[] = [];
  readonly #options: FakeNodeOptions;
  readonly #faulty: FaultyKernel;
  readonly #ec2: TestNode;
  #alarms: Alarm[] = [];
  #order = 0;
  /** Counts the starts; what an earlier body does has no effect. */
  #life = 0;
  #underWay: string | undefined;

  constructor(options: FakeNodeOptions) {
    this.#options = options;
    this.#faulty = new FaultyKernel(this.plain);
    this.#ec2 = new TestNode({ env: options.env, instance: options.instance, seed: options.seed });
    this.#plug();
    const { host } = this.plain;
    const linkIndex = host.link("eth0")?.index ?? 0;
    const { primaryAddress, subnetCidr } = this.#ec2.metadata()[0]!;
    host.apply([
      { change: "setLink", link: linkIndex, isUp: true },
      {
        change: "addAddress",
        linkIndex,
        address: primaryAddress,
        prefixLength: subnetCidr.prefixLength,
        hasBroadcast: true,
      },
    ]);
  }

  // -------------------------------------------------------------- the agent's life

  /** A new process on what the last one left. Serves soon: `body.host.isReady`. */
  start(): void {
    const life = ++this.#life;
    const { env, seed } = this.#options;
    const parsed = parseAgentConfig({
      ENABLE_IPv4: "true",
      SLASH28_DATAPATH: "on",
      SLASH28_VERIFY_PERIOD: "5",
      ...env,
    });
    if (!("config" in parsed)) throw new Error(parsed.refusals.map((refusal) => refusal.message).join("; "));
    const { config } = parsed;
    const clock = this.#clock(life);
    const attachments = new Attachments();
    const engine = createEngine({
      settings: config.settings,
      policy: config.policy,
      seed: seed + life,
      logLevel: "error",
    });
    const metrics = new AgentMetrics(() => engine.view(this.nowMs), {
      version: "0",
      policy: config.policy,
      runtime: "test",
    });
    const datapath = this.#datapath(life);
    const { verifyPeriodMs } = config.datapath;
    const node = new NodeNetwork({ datapath, clock, settings: config.network, verifyPeriodMs });
    const imds = this.#imds();
    const host = new EngineHost({
      ...{ engine, enis: node, attachments, clock, imds, kube: undefined, ec2TimeoutMs: 1_000, observer: metrics },
      ec2: {
        call: async (intention) => {
          if (life !== this.#life) return new Promise(() => {});
          this.#ec2.nowMs = this.nowMs;
          const outcome = this.#ec2.ec2(intention);
          this.#plug();
          return outcome;
        },
        instanceTypeLimits: () => Promise.reject(new Error("nobody asks")),
      },
      checkpoint: {
        read: async () => this.durable,
        write: (content) => this.#write(life, Buffer.from(content).toString()),
        keepCopy: async () => "",
      },
      log: { level: "error", write: () => {}, flush: async () => {} },
    });
    host.failed.catch((error: unknown) => {
      if (life === this.#life) this.crashes.push(error);
    });
    const { service, pods } = buildServices({
      ...{ config, engine, host, attachments, clock, imds, kube: undefined, metrics },
      network: { node, datapath },
    });
    if (pods === undefined) throw new Error("the datapath is on");
    this.body = { engine, host, attachments, service, pods };
    const checkpoint = this.#restored(attachments);
    const run = async () => {
      const enis = await imds.enis();
      node.seen(enis);
      const stale = await node.staleOf(checkpoint ?? [], { attachments, names: pods.names });
      const { facts } = this.#ec2;
      host.feed({ kind: "started", wallOffsetMs: host.wallOffsetMs, facts, checkpoint, bootId: `boot${life}`, enis });
      await host.ready;
      const hostNetwork = {
        ...{ rules: { mark: 0x80, externalServiceCidrs: [], isLocalRuleMoved: false }, problem: undefined },
        ...{ start: async () => {}, verify: async () => [], stop: async () => {} },
      };
      const view = () => engine.view(this.nowMs);
      const addressOf = (attachment: number) => engine.addressOf(attachment);
      await node.start({ host, view, addressOf, attachments, metrics, pods, hostNetwork }, stale);
      host.sweep();
    };
    // Whoever cannot start ends, and is started again.
    run().catch((error: unknown) => {
      this.note(`the start failed: ${String(error)}`);
      if (life === this.#life) this.kill();
    });
  }

  /** kill -9: the kernel and the disk stay as they are. */
  kill(): void {
    this.#life++;
    this.body = undefined;
    if (this.#underWay !== undefined && this.#options.isWrittenAtDeath()) this.durable = this.#underWay;
    this.#underWay = undefined;
  }

  #restored(attachments: Attachments): Allocation[] | undefined {
    if (this.durable === undefined) return undefined;
    const decoded = decodeCheckpoint(this.durable);
    if (!("entries" in decoded)) throw new Error(decoded.error);
    return decoded.entries.map(({ networkName, containerId, ifName, ipv4, timestampNs, namespace, podName }) => {
      const pod = { ...(namespace === undefined ? {} : { namespace }), ...(podName === undefined ? {} : { podName }) };
      const attachment = attachments.intern({ networkName, containerId, ifName }, pod);
      const { wallMs, nsRest } = splitTimestampNs(timestampNs);
      return { attachment, address: ipv4, allocatedWallMs: wallMs, allocatedNsRest: nsRest };
    });
  }

  /** What a crash at this moment would leave: address by container id. Throws when two have the same. */
  saved(): ReadonlyMap<string, Ipv4> {
    const decoded = this.durable === undefined ? { entries: [] } : decodeCheckpoint(this.durable);
    if (!("entries" in decoded)) throw new Error(decoded.error);
    const found = new Map(decoded.entries.map((entry) => [entry.containerId, entry.ipv4]));
    if (new Set(found.values()).size !== decoded.entries.length) throw new Error(`an address twice: ${this.durable}`);
    return found;
  }

  note(line: string): void {
    this.trace.push(`${this.nowMs.toFixed(1)} ${line}`);
  }

  // -------------------------------------------------------------- time

  /** Lets `durationMs` pass; `look` is called after each thing that happens. */
  async run(durationMs: Ms, look: () => void): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await settle();
    for (;;) {
      look();
      const next = this.#alarms.reduce<Alarm | undefined>(
        (first, one) => (first === undefined || isBefore(one, first) ? one : first),
        undefined,
      );
      if (next === undefined || next.atMs > endMs) break;
      this.#alarms.splice(this.#alarms.indexOf(next), 1);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.nowMs = endMs;
  }

  at(atMs: Ms, callback: () => void): () => void {
    const alarm = { atMs, order: this.#order++, callback };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((one) => one !== alarm);
    };
  }

  #clock(life: number): Clock {
    return {
      rate: 1,
      nowMs: () => this.nowMs,
      wallMs: () => WALL_START_MS + this.nowMs,
      at: (atMs, callback) => this.at(atMs, () => life === this.#life && callback()),
    };
  }

  // -------------------------------------------------------------- disk, metadata, kernel

  #write(life: number, text: string): Promise<void> {
    const { afterMs, error } = this.#options.disk();
    if (error === undefined) this.#underWay = text;
    return new Promise((resolve, reject) => {
      this.at(this.nowMs + afterMs, () => {
        // Of a process that was killed meanwhile.
        if (life !== this.#life) return;
        this.#underWay = undefined;
        this.note(`write ${error ?? text}`);
        if (error !== undefined) return reject(new Error(error));
        this.durable = text;
        resolve();
      });
    });
  }

  #imds(): Imds {
    const { facts } = this.#ec2;
    return {
      instance: () => Promise.reject(new Error("nobody asks")),
      enis: async () => {
        this.#ec2.nowMs = this.nowMs;
        return this.#ec2.metadata();
      },
      securityGroupIds: async () => this.#ec2.securityGroupIds,
      vpcCidrs: async () => [{ base: parseIpv4("10.0.0.0")!, prefixLength: facts.vpcId === "" ? 0 : 16 }],
    };
  }

  /** Each attached ENI has a link. */
  #plug(): void {
    for (const { mac, deviceNumber } of this.#ec2.metadata()) {
      if (this.plain.host.links().every((link) => link.mac !== mac))
        this.plain.host.addDevice({ name: `eth${deviceNumber}`, mac });
    }
  }

  /** One thing after the other, each at the end of its time. */
  #datapath(life: number): Datapath {
    const service = datapathService(this.#faulty, () => this.nowMs);
    let last: Promise<unknown> = Promise.resolve();
    let cancelWake = () => {};
    const scheduleWake = () => {
      cancelWake();
      const atMs = service.wakeAt();
      if (atMs === undefined) return;
      cancelWake = this.at(atMs, () => {
        if (life !== this.#life) return;
        service.wake();
        scheduleWake();
      });
    };
    const ask = <Name extends keyof Operations>(name: Name, ...args: Parameters<Operations[Name]>) => {
      const work = () =>
        new Promise<ReturnType<Operations[Name]>>((resolve, reject) => {
          const { afterMs, fault } = this.#options.kernel(name);
          this.at(this.nowMs + afterMs, () => {
            if (life !== this.#life) return;
            this.#faulty.arm(fault);
            try {
              const perform = service.operations[name] as (...given: unknown[]) => ReturnType<Operations[Name]>;
              const result = perform(...args);
              this.note(`${name} ${JSON.stringify({ args, fault, hasFailed: this.#faulty.hasFailed, result })}`);
              resolve(result);
            } catch (error) {
              this.note(`${name} ${JSON.stringify({ args, fault })} ${String(error)}`);
              if (error instanceof Death) this.kill();
              else reject(error instanceof Error ? error : new Error(String(error)));
            } finally {
              this.#faulty.arm(undefined);
            }
            scheduleWake();
          });
        });
      const done = last.then(work);
      last = done.catch(() => {});
      return done;
    };
    return {
      silence: undefined,
      refusalOf: () => undefined,
      wirePod: (pod): Promise<WireOutcome> => {
        this.wirings.set(pod.containerId, pod);
        return ask("wirePod", pod);
      },
      unwirePod: (removal) => ask("unwirePod", removal),
      checkPod: (pod) => ask("checkPod", pod),
      setUpEni: (eni) => ask("setUpEni", eni),
      tearDownEni: (eni) => ask("tearDownEni", eni),
      reconcileHost: (host) => ask("reconcileHost", host),
      linkIndexOf: (mac) => ask("linkIndexOf", mac),
      linkNameOf: (mac) => ask("linkNameOf", mac),
      linkNames: () => ask("linkNames"),
      branchPods: (...args) => ask("branchPods", ...args),
      setSysctl: (key, value) => ask("setSysctl", key, value),
      close: () => {},
    };
  }
}

function isBefore(a: Alarm, b: Alarm): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Until nothing happens any more without time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}
