// The agent's introspection page of ENIs, `/v1/enis`, in all the forms it has had: keyed by network card, one pool, and the oldest
// with ENIIPPools (failures.md 2.4). A page that is there but empty says that the agent did not answer.

import { parseRfc3339 } from "../../../base/calendar.ts";
import { type Cidr, formatIpv4, parseCidr, parseIpv4 } from "../../../base/ipv4.ts";
import type { IntrospectionPage, PoolCidr, UnreadFile } from "../../facts/model.ts";
import { jsonDocuments } from "../json-documents.ts";
import { isObject, type JsonObject, numberField, objectField, textField } from "../json-fields.ts";
import type { FileReader } from "../reader.ts";
import { base64Bytes } from "./base64.ts";

type Eni = IntrospectionPage["enis"][number];
type PoolAddress = PoolCidr["addresses"][number];

/** Where bundles of all times keep the page; only by its place can an empty file be told for one. */
const PAGE_PATH = /(?:^|[/!])(?:ipamd\/enis\.json|eni\.out(?:put)?)$/;
const PAGE_TEXT = /^[\s\uFEFF]*\{[\s\S]*"(?:TotalIPs|AssignedIPs|ENIIPPools|AvailableIPv4Cidrs)"\s*:/;

export const INTROSPECTION_READER: FileReader = {
  kind: "introspection page /v1/enis",
  recognises({ path, head, isWhole }) {
    if (isWhole && head.trim() === "") return PAGE_PATH.test(path);
    return PAGE_TEXT.test(head) && !/"apiVersion"\s*:/.test(head);
  },
  read({ path, text, node }) {
    if (text.trim() === "") {
      const page: IntrospectionPage = { node, isEmpty: true, enis: [], at: { file: path } };
      return { introspection: [page] };
    }
    const { documents, problems } = jsonDocuments(text);
    const unread: UnreadFile[] = problems.map(({ line, reason }) => ({ file: path, line, reason }));
    // A collector that ran twice appended the second answer: that one is the newer.
    const last = documents.at(-1);
    const page = last && isObject(last.value) ? pageOf(last.value) : undefined;
    if (page === undefined) {
      if (unread.length === 0) unread.push({ file: path, reason: "holds no ENIs as /v1/enis gives them" });
      return { unread };
    }
    return { introspection: [{ ...page, node, at: { file: path, line: last?.line } }], unread };
  },
};

function pageOf(body: JsonObject): Omit<IntrospectionPage, "at"> | undefined {
  const pools = isPool(body) ? [body] : Object.values(body).filter((one): one is JsonObject => isPool(one));
  if (pools.length === 0) return undefined;
  return {
    isEmpty: false,
    totalCount: sumOf(pools, "TotalIPs"),
    assignedCount: sumOf(pools, "AssignedIPs"),
    enis: pools.flatMap((pool) => {
      const enis = objectField(pool, "ENIs") ?? objectField(pool, "ENIIPPools") ?? {};
      return Object.entries(enis).flatMap(([id, eni]) => (isObject(eni) ? [eniOf(id, eni)] : []));
    }),
  };
}

function isPool(value: unknown): value is JsonObject {
  return isObject(value) && (isObject(value["ENIs"]) || isObject(value["ENIIPPools"]) || "TotalIPs" in value);
}

/** Over all network cards; undefined when no card says. */
function sumOf(pools: readonly JsonObject[], name: string): number | undefined {
  const values = pools.flatMap((pool) => numberField(pool, name) ?? []);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

function eniOf(key: string, eni: JsonObject): Eni {
  const cidrs = objectField(eni, "AvailableIPv4Cidrs");
  return {
    id: textField(eni, "ID") ?? textField(eni, "Id") ?? key,
    isPrimary: eni["IsPrimary"] === true,
    isTrunk: eni["IsTrunk"] === true,
    isEfa: eni["IsEFA"] === true,
    deviceNumber: numberField(eni, "DeviceNumber") ?? 0,
    cidrs:
      cidrs === undefined ? singleAddresses(eni) : Object.entries(cidrs).flatMap(([text, one]) => cidrOf(text, one)),
  };
}

function cidrOf(key: string, value: unknown): PoolCidr[] {
  if (!isObject(value)) return [];
  const cidr = parseCidr(key) ?? maskedCidr(objectField(value, "Cidr"));
  if (cidr === undefined) return [];
  const addresses = Object.entries(objectField(value, "IPAddresses") ?? {});
  return [{ cidr, addresses: addresses.flatMap(([text, one]) => addressOf(text, one)) }];
}

/** The oldest pages have addresses without a CIDR: each is a /32. */
function singleAddresses(eni: JsonObject): readonly PoolCidr[] {
  return Object.entries(objectField(eni, "IPv4Addresses") ?? {}).flatMap(([text, one]) => {
    const [address] = addressOf(text, one);
    return address === undefined ? [] : [{ cidr: { base: address.address, prefixLength: 32 }, addresses: [address] }];
  });
}

function maskedCidr(cidr: JsonObject | undefined): Cidr | undefined {
  if (cidr === undefined) return undefined;
  const base = parseIpv4(textField(cidr, "IP") ?? "");
  const mask = base64Bytes(textField(cidr, "Mask") ?? "");
  if (base === undefined || mask?.length !== 4) return undefined;
  const bits = mask.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  if (!/^1*0*$/.test(bits)) return undefined;
  return parseCidr(`${formatIpv4(base)}/${bits.replaceAll("0", "").length}`);
}

function addressOf(key: string, value: unknown): PoolAddress[] {
  const address = parseIpv4(key);
  if (address === undefined || !isObject(value)) return [];
  const metadata = objectField(value, "IPAMMetadata");
  const namespace = metadata && textField(metadata, "k8sPodNamespace");
  const name = metadata && textField(metadata, "k8sPodName");
  const released = timeOf(value, "UnassignedTime");
  return [
    {
      address,
      isAssigned: isAssigned(value),
      pod: namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`,
      releasedMs: released,
    },
  ];
}

/** The agent calls an address assigned while its key is not empty. Pages hide parts of the key, so that any part will do. */
function isAssigned(value: JsonObject): boolean {
  const key = objectField(value, "IPAMKey");
  if (key !== undefined) return Object.values(key).some((part) => part !== "");
  if (typeof value["Assigned"] === "boolean") return value["Assigned"];
  return (timeOf(value, "AssignedTime") ?? 0) > (timeOf(value, "UnassignedTime") ?? 0);
}

/** Go's zero time stands for never. */
function timeOf(value: JsonObject, name: string): number | undefined {
  const ms = parseRfc3339(textField(value, name) ?? "");
  return ms === undefined || ms <= 0 ? undefined : ms;
}
