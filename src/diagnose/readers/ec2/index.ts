// Answers of EC2's describe calls as the AWS CLI prints them: whole answers, lists cut out of them with --query, one object a line,
// several answers in one object or one file. Every fact names its field, `NetworkInterfaces[17]`.

import type {
  EniFact,
  FactsPart,
  InstanceFact,
  InstanceTypeFact,
  ReservationFact,
  SecurityGroupFact,
  Source,
  SubnetFact,
  UnreadFile,
} from "../../facts/model.ts";
import { jsonDocuments } from "../json-documents.ts";
import { isObject, type JsonObject, textField } from "../json-fields.ts";
import type { FileReader } from "../reader.ts";
import { clusterFacts, clusterOf } from "./eks.ts";
import { eniOf, type Item, instanceOf, instanceTypeOf, reservationOf, securityGroupOf, subnetOf } from "./items.ts";

/** The lists that answers consist of. `Vpcs` are recognised, and hold nothing that a rule asks for. */
const LIST_NAMES = [
  "Subnets",
  "NetworkInterfaces",
  "SubnetIpv4CidrReservations",
  "SubnetIpv6CidrReservations",
  "SubnetCidrReservations",
  "Reservations",
  "Instances",
  "InstanceTypes",
  "SecurityGroups",
  "Vpcs",
] as const;
type ListName = (typeof LIST_NAMES)[number];

const ANSWER = new RegExp(`"(?:${LIST_NAMES.join("|")})"\\s*:\\s*\\[`);
const BARE = /^[\s\uFEFF]*\[?[\s]*\{/;
const BARE_KEY =
  /"(?:NetworkInterfaceId|SubnetCidrReservationId|AvailableIpAddressCount|Ipv4AddressesPerInterface)"\s*:/;
const CLUSTER = /"cluster"\s*:\s*\{[\s\S]*"resourcesVpcConfig"\s*:/;

/** `--query 'Reservations[].[Instances]'` nests one deep, jq may add another. */
const LIST_DEPTH_MAX = 3;

/** At most so many items of one file are reported one by one. */
const BAD_ITEM_COUNT_MAX = 5;

export const EC2_READER: FileReader = {
  kind: "EC2 answer",
  recognises({ head }) {
    if (!BARE.test(head) || /"apiVersion"\s*:/.test(head)) return false;
    return ANSWER.test(head) || BARE_KEY.test(head) || CLUSTER.test(head);
  },
  read({ path, text }) {
    const found = new Found(path);
    const { documents, problems } = jsonDocuments(text);
    for (const { line, reason } of problems) found.unread.push({ file: path, line, reason });
    for (const document of documents) {
      found.line = documents.length > 1 ? document.line : undefined;
      found.add(document.value, "", 0);
    }
    return found.part();
  },
};

/** What one file gives, gathered list by list. */
class Found {
  readonly #path: string;
  readonly #kinds = new Set<string>();
  readonly #parts: FactsPart[] = [];
  readonly subnets: SubnetFact[] = [];
  readonly enis: EniFact[] = [];
  readonly reservations: ReservationFact[] = [];
  readonly instances: InstanceFact[] = [];
  readonly instanceTypes: InstanceTypeFact[] = [];
  readonly securityGroups: SecurityGroupFact[] = [];
  readonly unread: UnreadFile[] = [];
  /** Where the document begins, in a file of several. */
  line: number | undefined;
  #badCount = 0;
  #withoutAddresses = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** `prefix` leads to the value from the file's root. */
  add(value: unknown, prefix: string, depth: number): void {
    if (Array.isArray(value) && depth < LIST_DEPTH_MAX) {
      // `--query 'Reservations[].Instances[]'` and `jq -s` give lists, the latter of whole answers.
      for (let index = 0; index < value.length; index++) this.add(value[index], `${prefix}[${index}]`, depth + 1);
    }
    if (!isObject(value)) return;
    const cluster = clusterOf(value);
    if (cluster !== undefined) {
      this.#kinds.add("EKS cluster");
      this.#parts.push(clusterFacts(cluster, this.#path));
    }
    const bare = bareList(value);
    if (bare !== undefined) {
      this.#item(bare, value, prefix === "" ? undefined : prefix);
      return;
    }
    for (const name of LIST_NAMES) {
      const list = value[name];
      if (Array.isArray(list)) this.#list(name, list, prefix === "" ? name : `${prefix}.${name}`);
    }
    if (typeof value["NextToken"] === "string")
      this.unread.push({
        file: this.#path,
        reason: "the answer has a NextToken: it is one page of several, the others are not here",
        next: "aws pages by itself: call it again without --max-items, --max-results and --no-paginate",
      });
  }

  #list(name: ListName, list: readonly unknown[], prefix: string): void {
    this.#kinds.add(KINDS[name]);
    for (let index = 0; index < list.length; index++) {
      const one: unknown = list[index];
      if (!isObject(one)) this.#bad(`${prefix}[${index}]`, "is no object: was it cut with --query?");
      else if (name === "Reservations" && Array.isArray(one["Instances"]))
        this.#list("Instances", one["Instances"], `${prefix}[${index}].Instances`);
      else this.#item(name, one, `${prefix}[${index}]`);
    }
  }

  #item(name: ListName, item: JsonObject, field: string | undefined): void {
    this.#kinds.add(KINDS[name]);
    const at: Source =
      this.line === undefined ? { file: this.#path, field } : { file: this.#path, line: this.line, field };
    switch (name) {
      case "Subnets":
        this.#keep(this.subnets, subnetOf(item, at), at);
        break;
      case "NetworkInterfaces":
        if (!Array.isArray(item["PrivateIpAddresses"])) this.#withoutAddresses++;
        this.#keep(this.enis, eniOf(item, at), at);
        break;
      case "SubnetIpv4CidrReservations":
      case "SubnetCidrReservations":
        this.#keep(this.reservations, reservationOf(item, at), at);
        break;
      case "Instances":
        this.#keep(this.instances, instanceOf(item, at), at);
        break;
      case "InstanceTypes":
        this.#keep(this.instanceTypes, instanceTypeOf(item, at), at);
        break;
      case "SecurityGroups":
        this.#keep(this.securityGroups, securityGroupOf(item, at), at);
        break;
      default:
        break;
    }
  }

  #keep<T extends object>(facts: T[], item: Item<T> | undefined, at: Source): void {
    if (typeof item === "string") this.#bad(at.field ?? "the object", item);
    else if (item !== undefined) facts.push(item);
  }

  #bad(field: string, reason: string): void {
    if (++this.#badCount <= BAD_ITEM_COUNT_MAX)
      this.unread.push({ file: this.#path, line: this.line, reason: `${field}: ${reason}` });
  }

  part(): FactsPart {
    const rest = this.#badCount - BAD_ITEM_COUNT_MAX;
    if (rest > 0) this.unread.push({ file: this.#path, reason: `${rest} more items could not be read` });
    if (this.#withoutAddresses > 0)
      this.unread.push({
        file: this.#path,
        reason: `${this.#withoutAddresses} network interfaces come without PrivateIpAddresses: which /28s they use is not known`,
        next: "aws ec2 describe-network-interfaces, without --query",
      });
    const { subnets, enis, reservations, instances, instanceTypes, securityGroups } = this;
    const ofClusters: FactsPart = Object.assign({}, ...this.#parts);
    return {
      ...ofClusters,
      subnets: [...this.#parts.flatMap((part) => part.subnets ?? []), ...subnets],
      enis,
      reservations,
      instances,
      instanceTypes,
      securityGroups,
      read: this.#kinds.size === 0 ? [] : [{ file: this.#path, kind: [...this.#kinds].join(", ") }],
      unread: this.#kinds.size > 0 || this.unread.length > 0 ? this.unread : [nothingIn(this.#path)],
    };
  }
}

function nothingIn(file: string): UnreadFile {
  return { file, reason: "looks like an answer of EC2, but holds no list of subnets, network interfaces or the like" };
}

/** What kind of item an object is that stands by itself. */
function bareList(item: JsonObject): ListName | undefined {
  const has = (name: string): boolean => textField(item, name) !== undefined;
  if (has("SubnetCidrReservationId")) return "SubnetCidrReservations";
  if (has("InstanceId") && has("InstanceType")) return "Instances";
  if (has("NetworkInterfaceId")) return "NetworkInterfaces";
  if (has("SubnetId") && (has("CidrBlock") || typeof item["AvailableIpAddressCount"] === "number")) return "Subnets";
  if (has("InstanceType") && isObject(item["NetworkInfo"])) return "InstanceTypes";
  if (has("GroupId") && (has("GroupName") || has("VpcId"))) return "SecurityGroups";
  return undefined;
}

const KINDS: Readonly<Record<ListName, string>> = {
  Subnets: "EC2 subnets",
  NetworkInterfaces: "EC2 network interfaces",
  SubnetIpv4CidrReservations: "EC2 CIDR reservations",
  SubnetIpv6CidrReservations: "EC2 CIDR reservations",
  SubnetCidrReservations: "EC2 CIDR reservations",
  Reservations: "EC2 instances",
  Instances: "EC2 instances",
  InstanceTypes: "EC2 instance types",
  SecurityGroups: "EC2 security groups",
  Vpcs: "EC2 VPCs",
};
