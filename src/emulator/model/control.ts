// Control operations: what a test or a person does to the world from outside the API. Plain data in, a result or one sentence
// of what is wrong out.

import { formatCidr, isCanonicalCidr, parseCidr } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import { changeKnob } from "../../catalog/emulator-knobs.ts";
import { addReservation, removeReservation, reservationProblem } from "./build.ts";
import { addForeignAddressAt, addForeignAddresses, releaseForeign } from "./foreign.ts";
import { NO_TAGS, type SubnetRecord } from "./records.ts";
import { httpStatusOf } from "./refusal.ts";
import type { ControlOperation, ControlOutcome, ControlResult } from "./types.ts";
import type { Vpc } from "./vpc.ts";

/** Thrown inside this file only; becomes the result's `error`. */
class Mistake extends Error {
  override readonly name = "Mistake";
}

/** The world must be settled to `nowMs`. */
export function runControl(vpc: Vpc, operation: unknown, nowMs: Ms): ControlResult {
  if (typeof operation !== "object" || operation === null) {
    return { ok: false, error: 'an operation is an object such as { "op": "stats" }' };
  }
  try {
    return { ok: true, result: run(vpc, new Fields(operation as Readonly<Record<string, unknown>>), nowMs) };
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { ok: false, error: error.message };
  }
}

function run(vpc: Vpc, fields: Fields, nowMs: Ms): ControlOutcome {
  const { world } = vpc;
  const op = fields.text("op") as ControlOperation["op"];
  switch (op) {
    case "stats":
      return vpc.stats(nowMs);
    case "fragment": {
      const subnet = subnetOf(vpc, fields);
      const share = fields.number("share", { otherwise: 1, max: 1 });
      const free = world.foreignPrng.shuffle(subnet.book.freePrefixes(world.knobs));
      // Inside a reservation no automatic address goes, but another tenant may have named one there.
      const broken = free.slice(0, Math.round(free.length * share));
      for (const prefix of broken) addForeignAddressAt(world, subnet, prefix + world.foreignPrng.below(16));
      return { changed: broken.length };
    }
    case "exhaust": {
      const subnet = subnetOf(vpc, fields);
      const leave = fields.number("leave", { otherwise: 0 });
      const count = Math.max(0, subnet.book.automaticAddressCount - leave);
      return { changed: addForeignAddresses(world, subnet, count) };
    }
    case "release": {
      const subnet = subnetOf(vpc, fields);
      return { changed: releaseForeign(world, subnet, fields.number("count", { otherwise: Infinity })) };
    }
    case "throttle":
      vpc.throttle.force(fields.optionalText("action") ?? "*", nowMs + fields.number("forMs"));
      return { changed: 1 };
    case "fail": {
      const code = fields.text("code");
      addFault(vpc, fields, {
        kind: "fail",
        code,
        message: fields.optionalText("message") ?? "The request failed as ordered.",
        httpStatus: fields.number("httpStatus", { otherwise: httpStatusOf(code) }),
      });
      return { changed: 1 };
    }
    case "dropReply":
      addFault(vpc, fields, { kind: "dropReply" });
      return { changed: 1 };
    case "delay":
      addFault(vpc, fields, { kind: "delay", ms: fields.number("ms") });
      return { changed: 1 };
    case "clearFaults":
      vpc.throttle.clearForced();
      return { changed: vpc.faults.clear() };
    case "reserve": {
      const subnet = subnetOf(vpc, fields);
      const text = fields.text("cidr");
      const cidr = isCanonicalCidr(text) ? parseCidr(text) : undefined;
      if (cidr === undefined) throw new Mistake(`cidr must be a block such as 10.0.0.128/25, not ${text}`);
      const type = fields.text("type");
      if (type !== "prefix" && type !== "explicit") throw new Mistake(`type must be prefix or explicit, not ${type}`);
      const problem = reservationProblem(subnet, cidr, type);
      if (problem !== undefined) throw new Mistake(`${formatCidr(cidr)}: ${problem}`);
      const id = world.ids.next("scr");
      addReservation(world, subnet, { id, cidr, type, description: "", tags: NO_TAGS });
      return { changed: 1, id };
    }
    case "unreserve": {
      const id = fields.text("reservationId");
      if (!world.reservations.has(id)) throw new Mistake(`there is no reservation ${id}`);
      removeReservation(world, id);
      return { changed: 1 };
    }
    case "setKnob": {
      const changed = changeKnob(world.knobs, fields.text("name"), fields.value("value"));
      if ("error" in changed) throw new Mistake(changed.error);
      vpc.setKnobs(changed.knobs);
      return { changed: 1 };
    }
    default:
      throw new Mistake(`unknown operation ${String(op)}`);
  }
}

function addFault(vpc: Vpc, fields: Fields, fault: Parameters<Vpc["faults"]["add"]>[0]["fault"]): void {
  vpc.faults.add({
    action: fields.optionalText("action") ?? "*",
    fault,
    times: fields.number("times", { otherwise: 1 }),
    after: fields.number("after", { otherwise: 0 }),
  });
}

function subnetOf(vpc: Vpc, fields: Fields): SubnetRecord {
  const id = fields.text("subnetId");
  const subnet = vpc.world.subnets.get(id);
  if (subnet === undefined) {
    throw new Mistake(`there is no subnet ${id}; subnets: ${[...vpc.world.subnets.keys()].join(", ")}`);
  }
  return subnet;
}

class Fields {
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(given: Readonly<Record<string, unknown>>) {
    this.#given = given;
  }

  value(name: string): unknown {
    return this.#given[name];
  }

  optionalText(name: string): string | undefined {
    const value = this.#given[name];
    if (value === undefined) return undefined;
    if (typeof value !== "string" || value === "") throw new Mistake(`${name} must be a text, not ${String(value)}`);
    return value;
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw new Mistake(`the field ${name} is missing`);
    return value;
  }

  /** 0 or more. */
  number(name: string, options: { readonly otherwise?: number; readonly max?: number } = {}): number {
    const value = this.#given[name] ?? options.otherwise;
    const { max = Infinity } = options;
    if (typeof value !== "number" || !(value >= 0) || value > max) {
      throw new Mistake(`${name} must be a number from 0${max === Infinity ? "" : ` to ${max}`}, not ${String(value)}`);
    }
    return value;
  }
}
