// The operations of the control endpoint: one table from which requests are checked, `GET /control` answers and the page
// docs/emulator.md is held against.

import { nearNames } from "../../text/near-names.ts";
import type { ControlOperation } from "../model/types.ts";

interface Field {
  readonly name: string;
  readonly type: "string" | "number" | "value";
  readonly isRequired: boolean;
  readonly doc: string;
  /** Bounds of a number; 0 and none when left out. */
  readonly min?: number;
  readonly max?: number;
}

export interface OperationDefinition {
  /** The last part of the path: `/control/drop-reply`. */
  readonly name: string;
  readonly op: ControlOperation["op"];
  readonly doc: string;
  readonly fields: readonly Field[];
}

const subnetId: Field = { name: "subnetId", type: "string", isRequired: true, doc: "The subnet." };
const action: Field = {
  name: "action",
  type: "string",
  isRequired: false,
  doc: "An EC2 action such as AssignPrivateIpAddresses; all actions when left out.",
};
const times: Field = { name: "times", type: "number", isRequired: false, doc: "For how many calls; 1 when left out." };
const after: Field = {
  name: "after",
  type: "number",
  isRequired: false,
  doc: "How many calls to let through first; 0 when left out.",
};

export const CONTROL_OPERATIONS: readonly OperationDefinition[] = [
  {
    name: "fragment",
    op: "fragment",
    doc: "Puts one address of another tenant into each of a share of the free /28s.",
    fields: [subnetId, { name: "share", type: "number", isRequired: false, doc: "0 to 1; 1 when left out.", max: 1 }],
  },
  {
    name: "exhaust",
    op: "exhaust",
    doc: "Takes free addresses for other tenants.",
    fields: [
      subnetId,
      { name: "leave", type: "number", isRequired: false, doc: "How many addresses stay free; 0 when left out." },
    ],
  },
  {
    name: "free",
    op: "release",
    doc: "Gives addresses of other tenants back.",
    fields: [subnetId, { name: "count", type: "number", isRequired: false, doc: "How many; all when left out." }],
  },
  {
    name: "throttle",
    op: "throttle",
    doc: "Answers RequestLimitExceeded for a while.",
    fields: [action, { name: "forMs", type: "number", isRequired: true, doc: "For how many milliseconds." }],
  },
  {
    name: "fail",
    op: "fail",
    doc: "Answers the next calls with an error; they change nothing.",
    fields: [
      action,
      { name: "code", type: "string", isRequired: true, doc: "The EC2 error code." },
      { name: "message", type: "string", isRequired: false, doc: "The text of the error." },
      {
        name: "httpStatus",
        type: "number",
        isRequired: false,
        doc: "The HTTP status, 400 to 599; as EC2 has it when left out.",
        min: 400,
        max: 599,
      },
      times,
      after,
    ],
  },
  {
    name: "drop-reply",
    op: "dropReply",
    doc: "The next calls take effect, but their connection closes without an answer.",
    fields: [action, times, after],
  },
  {
    name: "delay",
    op: "delay",
    doc: "The next answers come later.",
    fields: [
      action,
      { name: "ms", type: "number", isRequired: true, doc: "How many milliseconds later." },
      times,
      after,
    ],
  },
  { name: "clear-faults", op: "clearFaults", doc: "Ends every throttle, fail, drop-reply and delay.", fields: [] },
  {
    name: "reserve",
    op: "reserve",
    doc: "Creates a subnet CIDR reservation.",
    fields: [
      subnetId,
      { name: "cidr", type: "string", isRequired: true, doc: "The range, inside the subnet." },
      { name: "type", type: "string", isRequired: true, doc: "prefix or explicit." },
    ],
  },
  {
    name: "unreserve",
    op: "unreserve",
    doc: "Deletes a subnet CIDR reservation.",
    fields: [{ name: "reservationId", type: "string", isRequired: true, doc: "The id, scr-..." }],
  },
  {
    name: "set-knob",
    op: "setKnob",
    doc: "Changes a knob while the emulator runs.",
    fields: [
      { name: "name", type: "string", isRequired: true, doc: "The knob." },
      { name: "value", type: "value", isRequired: true, doc: "The value, as in the cluster file." },
    ],
  },
];

/** The operation that a request body asks for, or what is wrong with it and what it may hold. */
export function parseOperation(
  definition: OperationDefinition,
  body: unknown,
): { readonly operation: ControlOperation } | { readonly error: string } {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return { error: `the body must be a JSON object: ${fieldList(definition)}` };
  }
  const given = body as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!definition.fields.some((field) => field.name === name)) {
      const near = nearNames(
        name,
        definition.fields.map((field) => field.name),
      )[0];
      const hint = near === undefined ? fieldList(definition) : `did you mean ${near}?`;
      return { error: `${definition.name} knows no field ${JSON.stringify(name)}; ${hint}` };
    }
  }
  const operation: Record<string, unknown> = { op: definition.op };
  for (const field of definition.fields) {
    const value = given[field.name];
    if (value === undefined) {
      if (field.isRequired) return { error: `${definition.name} needs the field ${field.name}: ${field.doc}` };
      continue;
    }
    if (field.type !== "value" && typeof value !== field.type) {
      return { error: `${field.name} must be a ${field.type}, not ${JSON.stringify(value)}: ${field.doc}` };
    }
    if (typeof value === "number") {
      const { min = 0, max } = field;
      const range = max === undefined ? `${min} or more` : `from ${min} to ${max}`;
      if (!(value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER))) {
        return { error: `${field.name} must be ${range}, not ${value}` };
      }
      if (field.name !== "share" && !Number.isInteger(value)) {
        return { error: `${field.name} must be a whole number, not ${value}` };
      }
    }
    operation[field.name] = value;
  }
  return { operation: operation as unknown as ControlOperation };
}

function fieldList(definition: OperationDefinition): string {
  if (definition.fields.length === 0) return "it takes no fields";
  return `its fields are ${definition.fields.map((field) => `${field.name}${field.isRequired ? "" : " (optional)"}`).join(", ")}`;
}
