// What happens to the whole VPC, or to a node from outside, in the course of a run: storms, tenants, lies, clocks, cordons.
// Each fault has its own clock, so that one's rate does not move the others.

import type { Prng } from "../../base/prng.ts";
import { MINUTE_MS, SECOND_MS } from "../../base/units.ts";
import { ACTIONS } from "../../emulator/actions/index.ts";
import type { ControlOperation, Vpc } from "../../emulator/model/index.ts";
import type { FaultName, FaultRates } from "./faults.ts";
import { LIES, type MetadataLine } from "./metadata-line.ts";
import type { NodeBody } from "./node-body.ts";
import { START_WALL_MS } from "./plan.ts";
import type { Runtime } from "./runtime.ts";
import type { Story } from "./story.ts";
import type { Timeline } from "./timeline.ts";

export interface WeatheredNode {
  readonly body: NodeBody;
  readonly runtime: Runtime;
  readonly metadata: MetadataLine;
  readonly maxPods: number;
}

const DAY_MS = 86_400_000;
const MAX_PODS: readonly number[] = [2, 4, 11, 30, 110];
const ADDRESSES_OF_TENANTS: readonly number[] = [1, 5, 16, 60];

export class Weather {
  readonly #vpc: Vpc;
  readonly #nodes: readonly WeatheredNode[];
  readonly #prng: Prng;
  readonly #timeline: Timeline;
  readonly #story: Story;
  #isOver = false;

  constructor(options: {
    readonly vpc: Vpc;
    readonly nodes: readonly WeatheredNode[];
    readonly prng: Prng;
    readonly timeline: Timeline;
    readonly story: Story;
  }) {
    this.#vpc = options.vpc;
    this.#nodes = options.nodes;
    this.#prng = options.prng;
    this.#timeline = options.timeline;
    this.#story = options.story;
  }

  start(rates: FaultRates): void {
    const events: Partial<Record<FaultName, (prng: Prng, node: WeatheredNode) => void>> = {
      stop: (prng, { body }) => this.#stop(prng, body),
      diskFull: (prng, { body }) => {
        body.diskFullUntilMs = this.#timeline.nowMs + prng.fraction() * MINUTE_MS;
        this.#tell(body.name, `disk full until ${body.diskFullUntilMs}`);
      },
      throttleStorm: (prng) => this.#storm(prng),
      tenants: (prng) => this.#tenants(prng),
      metadataLies: (prng, { body, metadata }) => {
        const lie = LIES[prng.below(LIES.length)]!;
        metadata.lie(lie, this.#timeline.nowMs + prng.fraction() * 90 * SECOND_MS);
        this.#tell(body.name, `metadata lies: ${lie}`);
      },
      clockStep: (prng, { body }) => {
        body.wallOffsetMs = START_WALL_MS + Math.round((prng.fraction() * 2 - 1) * DAY_MS ** prng.fraction());
        body.feed({ kind: "clockStepped", wallOffsetMs: body.wallOffsetMs });
      },
      nodeChange: (prng, node) => this.#changeNode(prng, node),
      foreignEni: (_, { body }) => this.#attachForeign(body),
      collect: (_, { runtime }) => runtime.collect(),
    };
    for (const [name, happen] of Object.entries(events)) {
      const rate = rates[name as FaultName];
      for (const node of rate > 0 ? this.#nodes : [])
        this.#repeat(this.#prng.split(`${name} ${node.body.name}`), rate, (prng) => happen(prng, node));
    }
  }

  #repeat(prng: Prng, ratePerMinute: number, happen: (prng: Prng) => void): void {
    const next = () => {
      this.#timeline.in((-Math.log(1 - prng.fraction()) * MINUTE_MS) / ratePerMinute, () => {
        if (this.#isOver) return;
        happen(prng);
        next();
      });
    };
    next();
  }

  #tell(who: string, what: string): void {
    this.#story.add(this.#timeline.nowMs, who, what);
  }

  #control(operation: ControlOperation): void {
    this.#tell("EC2", JSON.stringify(operation));
    const result = this.#vpc.control(operation, this.#timeline.nowMs);
    if (!result.ok) throw new Error(`the torture orders nonsense: ${result.error}`);
  }

  // -------------------------------------------------------------- single faults

  #stop(prng: Prng, body: NodeBody): void {
    if (!body.isAlive) return;
    body.feed({ kind: "stopping" });
    this.#timeline.in(prng.below(30_000), () => body.die());
  }

  #storm(prng: Prng): void {
    const names = [...ACTIONS.keys()];
    const action = prng.fraction() < 0.5 ? "*" : names[prng.below(names.length)]!;
    this.#control({ op: "throttle", action, forMs: prng.fraction() * MINUTE_MS });
  }

  #tenants(prng: Prng): void {
    const ids = [...this.#vpc.world.subnets.keys()];
    const subnetId = ids[prng.below(ids.length)]!;
    const kind = prng.below(4);
    if (kind === 0) this.#control({ op: "exhaust", subnetId, leave: prng.below(20) });
    else if (kind === 1) this.#control({ op: "fragment", subnetId, share: prng.fraction() });
    else if (kind === 2) this.#control({ op: "release", subnetId });
    else {
      const count = ADDRESSES_OF_TENANTS[prng.below(ADDRESSES_OF_TENANTS.length)]!;
      this.#control({ op: "release", subnetId, count });
    }
  }

  #changeNode(prng: Prng, { body, maxPods }: WeatheredNode): void {
    const isSame = prng.fraction() < 0.3;
    body.state = {
      maxPods: isSame ? maxPods : MAX_PODS[prng.below(MAX_PODS.length)]!,
      isUnschedulable: prng.fraction() < 0.3,
      eniConfig: undefined,
      clusterNodeCount: this.#nodes.length,
    };
    body.feed({ kind: "nodeChanged", state: body.state });
  }

  /** Somebody else's ENI takes a place on the instance: it is not the agent's. */
  #attachForeign(body: NodeBody): void {
    const { instanceId, primarySubnetId } = body.facts;
    const { nowMs } = this.#timeline;
    const act = (action: string, params: Readonly<Record<string, string>>) =>
      this.#vpc.act({ action, params: new Map(Object.entries(params)) }, nowMs).reply;
    const created = act("CreateNetworkInterface", {
      SubnetId: primarySubnetId,
      Description: "somebody else's",
      "TagSpecification.1.ResourceType": "network-interface",
      "TagSpecification.1.Tag.1.Key": "node.k8s.amazonaws.com/no_manage",
      "TagSpecification.1.Tag.1.Value": "true",
    });
    if (created.kind !== "ok") return;
    const eni = created.tree["networkInterface"] as { readonly networkInterfaceId: string };
    const used = [...(this.#vpc.world.instances.get(instanceId)?.enis ?? [])].map(
      (one) => one.now.attachment?.deviceIndex ?? 0,
    );
    const attached = act("AttachNetworkInterface", {
      NetworkInterfaceId: eni.networkInterfaceId,
      InstanceId: instanceId,
      DeviceIndex: String(Math.max(...used) + 1),
    });
    this.#tell(body.name, `gets a foreign ENI ${eni.networkInterfaceId}: ${attached.kind}`);
    if (attached.kind !== "ok") act("DeleteNetworkInterface", { NetworkInterfaceId: eni.networkInterfaceId });
  }

  // -------------------------------------------------------------- the sky clears

  /** Every fault ends: storms, lies, full disks, cordons. Other tenants keep what they have. */
  clear(): void {
    this.#isOver = true;
    const { nowMs } = this.#timeline;
    this.#vpc.throttle.clearForced();
    this.#vpc.throttle.reset();
    this.#vpc.faults.clear();
    const { knobs } = this.#vpc.world;
    this.#vpc.setKnobs({
      ...knobs,
      latencyScale: 1,
      imdsLag: { min: 200, max: 2_000 },
      imdsFieldLag: { min: 0, max: 0 },
      describeStalenessProbability: 0,
      mutationsSeeStaleIds: false,
    });
    for (const { body, metadata, maxPods } of this.#nodes) {
      metadata.lie("past", nowMs);
      body.diskFullUntilMs = 0;
      const clusterNodeCount = this.#nodes.length;
      body.state = { maxPods, isUnschedulable: false, eniConfig: undefined, clusterNodeCount };
      body.feed({ kind: "nodeChanged", state: body.state });
    }
  }
}
