// What the CNI specification says a success and an error look like, as JSON Schemas: 0.4.0 and 1.1.0, sections "Success" and "Error".

import Ajv from "ajv";

const ip = (properties: object, required: readonly string[]) => ({
  type: "object",
  additionalProperties: false,
  required: ["address", ...required],
  properties: {
    address: { type: "string", pattern: "^[0-9a-f.:]+/[0-9]+$" },
    gateway: { type: "string" },
    interface: { type: "integer", minimum: 0 },
    ...properties,
  },
});

const interfaces = (properties: object) => ({
  type: "array",
  items: {
    type: "object",
    additionalProperties: false,
    required: ["name"],
    properties: {
      name: { type: "string", minLength: 1 },
      mac: { type: "string" },
      sandbox: { type: "string" },
      ...properties,
    },
  },
});

const dns = {
  type: "object",
  additionalProperties: false,
  properties: {
    nameservers: { type: "array", items: { type: "string" } },
    domain: { type: "string" },
    search: { type: "array", items: { type: "string" } },
    options: { type: "array", items: { type: "string" } },
  },
};

const result = (version: readonly string[], parts: { interfaces: object; ips: object }) => ({
  type: "object",
  additionalProperties: false,
  required: ["cniVersion"],
  properties: {
    cniVersion: { enum: version },
    interfaces: parts.interfaces,
    ips: { type: "array", items: parts.ips },
    routes: { type: "array", items: { type: "object", required: ["dst"] } },
    dns,
  },
});

const SCHEMAS = {
  old: result(["0.3.0", "0.3.1", "0.4.0"], {
    interfaces: interfaces({}),
    ips: ip({ version: { enum: ["4", "6"] } }, ["version"]),
  }),
  "1.0.0": result(["1.0.0"], { interfaces: interfaces({}), ips: ip({}, []) }),
  "1.1.0": result(["1.1.0"], {
    interfaces: interfaces({ mtu: { type: "integer" }, socketPath: { type: "string" }, pciID: { type: "string" } }),
    ips: ip({}, []),
  }),
  error: {
    type: "object",
    additionalProperties: false,
    required: ["cniVersion", "code", "msg"],
    properties: {
      cniVersion: { type: "string" },
      code: { type: "integer", minimum: 1 },
      msg: { type: "string", minLength: 1 },
      details: { type: "string", minLength: 1 },
    },
  },
} as const;

/** What is wrong with the value; empty when it has the shape. */
export function complaints(shape: keyof typeof SCHEMAS, value: unknown): string {
  const ajv = new Ajv({ allErrors: true });
  return ajv.validate(SCHEMAS[shape], value) ? "" : ajv.errorsText();
}

export interface CniError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** The error object that the plugin printed. Throws when it is none. */
export function errorOf(stdout: string): CniError {
  const value = JSON.parse(stdout) as CniError;
  const wrong = complaints("error", value);
  if (wrong !== "") throw new Error(`not an error object: ${wrong}: ${stdout}`);
  return value;
}
