// The emulated VPC: calls in, answers out. A call takes effect at the `nowMs` of `act`, in the order of the calls; its answer is
// due later, at `replyAtMs`. The order of checks is that of ec2-vpc.md 9.1: throttling, ordered faults, shape of the parameters,
// client token, existence, state, limits, space, then the change as a whole.

import { formatCidr } from "../../base/ipv4.ts";
import type { Prng } from "../../base/prng.ts";
import type { Ms } from "../../base/units.ts";
import type { Knobs } from "../../catalog/emulator-knobs.ts";
import type { ActionTable, PreparedCall } from "./action.ts";
import { buildWorld } from "./build.ts";
import { checkWorld } from "./check.ts";
import { runControl } from "./control.ts";
import { dumpWorld } from "./dump.ts";
import { Faults } from "./faults.ts";
import { readMetadata } from "./imds.ts";
import { drawLatency } from "./latency.ts";
import { Refusal, refuse } from "./refusal.ts";
import { Throttle } from "./throttle.ts";
import type {
  ActReply,
  ActRequest,
  ActResult,
  ControlResult,
  Dump,
  Ec2CallCount,
  ImdsAnswer,
  InstanceState,
  ReplyTree,
  SubnetStats,
  VpcStats,
  WorldDescription,
} from "./types.ts";
import type { World } from "./world.ts";

export interface VpcOptions {
  readonly world: WorldDescription;
  readonly knobs: Knobs;
  readonly prng: Prng;
  readonly actions: ActionTable;
}

interface RememberedToken {
  readonly fingerprint: string;
  readonly tree: ReplyTree;
  readonly untilMs: Ms;
}

/** One attached instance, for whoever hosts its metadata. */
export interface InstanceSummary {
  readonly id: string;
  readonly type: string;
  readonly state: InstanceState;
  readonly subnetId: string;
  readonly availabilityZone: string;
  /** The tag `Name`; undefined without one. */
  readonly name: string | undefined;
}

export class Vpc {
  readonly world: World;
  readonly faults = new Faults();
  readonly throttle = new Throttle();
  readonly #actions: ActionTable;
  /** By action and code; the empty code is success. */
  readonly #calls = new Map<string, Map<string, number>>();
  readonly #tokens = new Map<string, RememberedToken>();
  #lastChangeMs: Ms | undefined;

  /** Throws `WorldError` when the description contradicts itself. */
  constructor(options: VpcOptions) {
    this.#actions = options.actions;
    this.world = buildWorld(options);
  }

  // ---------------------------------------------------------------- calls

  /** Never throws for anything that a request can hold. */
  act(request: ActRequest, nowMs: Ms): ActResult {
    const { world } = this;
    world.settle(nowMs);
    const { action, params } = request;
    const definition = this.#actions.get(action);
    const requestId = world.ids.requestId();
    if (definition === undefined) {
      const message = `The action ${action} is not valid for this web service.`;
      return this.#answer({ action: "(unknown)", requestId, replyAtMs: world.nowMs }, error("InvalidAction", message));
    }
    const { isMutating } = definition;
    const latency = drawLatency(action, isMutating, world.knobs, world.latencyPrng);
    const isUnfiltered = ![...params.keys()].some((key) => key !== "DryRun" && key !== "IncludeManagedResources");
    if (!this.throttle.takeRequest({ action, isMutating, isUnfiltered }, world.knobs, world.nowMs)) {
      const replyAtMs = world.nowMs + latency.refusedMs;
      return this.#answer({ action, requestId, replyAtMs }, this.#throttled(action));
    }
    // A throttled call never got as far as the fault that was ordered for it.
    const faults = this.faults.next(action);
    const doneAtMs = world.nowMs + latency.doneMs + faults.delayMs;
    const refused = { action, requestId, replyAtMs: world.nowMs + latency.refusedMs + faults.delayMs };
    if (faults.fail !== undefined) {
      const { code, message, httpStatus } = faults.fail;
      return this.#answer(refused, { kind: "error", code, message, httpStatus });
    }
    world.visibleMs = doneAtMs;
    try {
      const prepared = definition.prepare(params);
      if (!this.throttle.takeResources(action, prepared.resourceCount, world.knobs, world.nowMs)) {
        return this.#answer(refused, this.#throttled(action));
      }
      if (prepared.isDryRun) {
        refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
      }
      const tree = this.#runOnce(action, params, prepared);
      if (isMutating) this.#lastChangeMs = world.nowMs;
      const result = this.#answer({ action, requestId, replyAtMs: doneAtMs }, { kind: "ok", tree });
      return faults.isReplyDropped ? { ...result, isReplyDropped: true } : result;
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      const { code, message, httpStatus } = thrown;
      return this.#answer(refused, { kind: "error", code, message, httpStatus });
    } finally {
      world.visibleMs = world.nowMs;
    }
  }

  #throttled(action: string): ActReply {
    const { knobs, accountId } = this.world;
    const message =
      knobs.throttlingMessage === "short"
        ? "Request limit exceeded."
        : `Request limit exceeded. Account ${accountId} has been throttled on ec2:${action} because it exceeded its request rate limit.`;
    return error("RequestLimitExceeded", message, 503);
  }

  /** Runs the call, unless its client token has been seen: then the first answer is given again. */
  #runOnce(action: string, params: ReadonlyMap<string, string>, prepared: PreparedCall): ReplyTree {
    const { world } = this;
    const { clientToken } = prepared;
    if (clientToken === undefined) return prepared.run(world);
    for (const [key, old] of this.#tokens) {
      if (old.untilMs > world.nowMs) break;
      this.#tokens.delete(key);
    }
    const key = `${action} ${clientToken}`;
    const fingerprint = fingerprintOf(params);
    const known = this.#tokens.get(key);
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return known.tree;
      refuse(
        "IdempotentParameterMismatch",
        `The client token '${clientToken}' was used before, with different parameters.`,
      );
    }
    const tree = prepared.run(world);
    this.#tokens.set(key, { fingerprint, tree, untilMs: world.nowMs + world.knobs.clientTokenLifetime });
    return tree;
  }

  #answer(
    call: { readonly action: string; readonly requestId: string; readonly replyAtMs: Ms },
    reply: ActReply,
  ): ActResult {
    const code = reply.kind === "ok" ? "" : reply.code;
    const byCode = this.#calls.get(call.action) ?? new Map<string, number>();
    this.#calls.set(call.action, byCode);
    byCode.set(code, (byCode.get(code) ?? 0) + 1);
    return { ...call, reply, isReplyDropped: false };
  }

  // ---------------------------------------------------------------- metadata

  /** `path` from the root: `/latest/meta-data/...`. An unknown or terminated instance has no metadata: 404. */
  imds(instanceId: string, path: string, nowMs: Ms): ImdsAnswer {
    const { world } = this;
    world.settle(nowMs);
    const share = world.knobs.imdsErrorShare;
    const instance = world.instances.get(instanceId);
    if (share > 0 && world.imdsPrng.fraction() < share) return { status: 503, body: "", replyAtMs: world.nowMs };
    const body =
      instance === undefined || instance.state === "terminated" ? undefined : readMetadata(world, instance, path);
    return { status: body === undefined ? 404 : 200, body: body ?? "", replyAtMs: world.nowMs };
  }

  // ---------------------------------------------------------------- beside the API

  /** Instances in order of creation, terminated ones included while they are visible. */
  instances(): InstanceSummary[] {
    return [...this.world.instances.values()].map((instance) => ({
      id: instance.id,
      type: instance.type,
      state: instance.state,
      subnetId: instance.subnet.id,
      availabilityZone: instance.availabilityZone,
      name: instance.tags.get("Name"),
    }));
  }

  /** The next moment at which something changes by itself; undefined: nothing is under way. */
  nextChangeAt(): Ms | undefined {
    return this.world.due.nextAtMs();
  }

  stats(nowMs: Ms): VpcStats {
    const { world } = this;
    world.settle(nowMs);
    const subnets: SubnetStats[] = [];
    for (const subnet of world.subnets.values()) {
      let assignedPrefixCount = 0;
      for (const eni of subnet.enis) assignedPrefixCount += eni.now.prefixes.length;
      subnets.push({
        id: subnet.id,
        vpcId: subnet.vpc.id,
        cidr: formatCidr(subnet.cidr),
        availabilityZone: subnet.availabilityZone,
        availableIpAddressCount: subnet.book.availableIpAddressCount(world.knobs),
        freePrefixCount: subnet.book.freePrefixCount(world.knobs),
        assignedPrefixCount,
        eniCount: subnet.enis.size,
      });
    }
    const ec2: Ec2CallCount[] = [];
    for (const [action, byCode] of this.#calls) {
      for (const [code, count] of byCode) ec2.push({ action, code: code === "" ? null : code, count });
    }
    ec2.sort((a, b) => compare(a.action, b.action) || compare(a.code ?? "", b.code ?? ""));
    return { subnets, ec2, lastChangeMs: this.#lastChangeMs };
  }

  /** Replaces the knobs; full buckets again when throttling changed. */
  setKnobs(knobs: Knobs): void {
    const before = this.world.knobs;
    this.world.knobs = knobs;
    if (before.throttling !== knobs.throttling || before.throttlingActions !== knobs.throttlingActions) {
      this.throttle.reset();
    }
    if (before.lastBlockAssignable !== knobs.lastBlockAssignable) {
      for (const subnet of this.world.subnets.values()) {
        subnet.book.setLastBlockAssignable(knobs.lastBlockAssignable);
      }
    }
  }

  /** Takes a control operation as plain data, as the control endpoint gets it; what is wrong with it comes back as text. */
  control(operation: unknown, nowMs: Ms): ControlResult {
    this.world.settle(nowMs);
    return runControl(this, operation, nowMs);
  }

  /** The world as the AWS CLI would print it. */
  dump(nowMs: Ms): Dump {
    this.world.settle(nowMs);
    return dumpWorld(this.world);
  }

  /** Every broken invariant of ec2-vpc.md 1.9, by recount; empty when all hold. Linear in the world. */
  check(): string[] {
    return checkWorld(this.world);
  }
}

function error(code: string, message: string, httpStatus = 400): ActReply {
  return { kind: "error", code, message, httpStatus };
}

/** The parameters without the token, in an order of their own. */
function fingerprintOf(params: ReadonlyMap<string, string>): string {
  return [...params]
    .filter(([name]) => name !== "ClientToken")
    .sort((a, b) => compare(a[0], b[0]))
    .map(([name, value]) => `${name}=${value}`)
    .join("\u0000");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
