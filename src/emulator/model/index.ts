// The emulated VPC as a pure model: what other folders may import.

export { AddressItem } from "./address-item.ts";
export { WorldError } from "./build.ts";
export { type DumpDocument, type WorldFromDump, worldFromDump } from "./from-dump.ts";
export type * from "./types.ts";
export { type InstanceSummary, Vpc, type VpcOptions } from "./vpc.ts";
