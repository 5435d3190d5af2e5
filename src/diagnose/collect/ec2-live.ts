// EC2 and EKS themselves, through the SDK: describe calls only, a few a second, within a cluster, a VPC or some subnets. The
// answers go through the readers that read the AWS CLI's files, so that a live answer and a dump mean the same.

import {
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  EC2Client,
  type EC2ClientConfig,
  type Filter,
  GetSubnetCidrReservationsCommand,
  type Subnet,
} from "@aws-sdk/client-ec2";
import type { EKSClientConfig } from "@aws-sdk/client-eks";
import { systemClock } from "../../drivers/clock-system.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FactsPart } from "../facts/model.ts";
import type { FileReader } from "../readers/reader.ts";
import { AwsCalls, NoAccess } from "./aws-calls.ts";
import { type Ec2Scope, isInScope, type KnownSubnets, subnetFilters } from "./ec2-scope.ts";
import { collectEks, type EksAnswers } from "./eks-live.ts";
import { FILE_READERS } from "./recognise.ts";

export interface Ec2LiveOptions {
  readonly scope: Ec2Scope;
  /** undefined: as the SDK finds it (AWS_REGION, the profile). */
  readonly region?: string | undefined;
  /** Of EC2; of EKS too unless that has one of its own. */
  readonly endpointUrl?: string | undefined;
  readonly eksEndpointUrl?: string | undefined;
  /** Subnets that the cluster's ENIConfigs name. */
  readonly eniConfigSubnetIds?: readonly string[] | undefined;
  /** Default 5: a describe call is worth less than the bucket it empties for the agents. */
  readonly callsPerSecond?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Credentials, for tests; without them, the SDK's own chain. */
  readonly client?: Pick<EC2ClientConfig & EKSClientConfig, "credentials"> | undefined;
  readonly readers?: readonly FileReader[] | undefined;
}

const PAGE_SIZE = 1000;
/** Values of one filter (ec2-vpc.md 6.4), and types of one DescribeInstanceTypes call. */
const FILTER_VALUES_MAX = 200;
const TYPES_MAX = 100;
const CALLS_PER_SECOND = 5;

/** Never rejects but for `signal`: calls that fail are named in `unread`, the rest goes on. */
export async function collectEc2(options: Ec2LiveOptions): Promise<FactsPart[]> {
  const { region, endpointUrl, signal } = options;
  const calls = new AwsCalls({
    clock: options.clock ?? systemClock(),
    callsPerSecond: options.callsPerSecond ?? CALLS_PER_SECOND,
    signal,
  });
  const ec2 = new EC2Client({
    ...(region === undefined ? {} : { region }),
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
    ...options.client,
    maxAttempts: 5,
  });
  const live = new Ec2Live(ec2, calls, options);
  try {
    await live.run();
  } catch (error) {
    signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    calls.unread.push(
      error instanceof NoAccess
        ? { file: "ec2", reason: `no call is possible: ${why}`, next: "aws sts get-caller-identity" }
        : { file: "ec2", reason: `broke off: ${why}` },
    );
  } finally {
    ec2.destroy();
  }
  return [...live.parts, { unread: calls.unread }];
}

class Ec2Live {
  readonly parts: FactsPart[] = [];
  readonly #ec2: EC2Client;
  readonly #calls: AwsCalls;
  readonly #options: Ec2LiveOptions;
  readonly #readers: readonly FileReader[];

  constructor(ec2: EC2Client, calls: AwsCalls, options: Ec2LiveOptions) {
    this.#ec2 = ec2;
    this.#calls = calls;
    this.#options = options;
    this.#readers = options.readers ?? FILE_READERS;
  }

  async run(): Promise<void> {
    const { scope } = this.#options;
    const eks: EksAnswers =
      scope.cluster === undefined
        ? { vpcId: undefined, subnetIds: [], answers: [] }
        : await collectEks(scope.cluster, this.#calls, this.#options);
    for (const { action, answer } of eks.answers) this.#read(action, answer);
    const known: KnownSubnets = {
      vpcId: eks.vpcId,
      subnetIds: new Set([...(scope.subnetIds ?? []), ...eks.subnetIds, ...(this.#options.eniConfigSubnetIds ?? [])]),
    };
    const subnets = await this.#subnets(known);
    const found = subnets.flatMap((subnet) => subnet.SubnetId ?? []);
    // What EKS or the caller named can be asked about even where DescribeSubnets is denied.
    const ids = found.length > 0 ? found : [...known.subnetIds];
    const wasAnswered = this.#calls.unread.every(({ file }) => file !== "ec2:DescribeSubnets");
    if (ids.length === 0 && !wasAnswered) return;
    if (ids.length === 0) {
      this.#calls.unread.push({
        file: "ec2:DescribeSubnets",
        reason: "found no subnet of that cluster, VPC or list of subnets",
        next: "check --region and the cluster's name, or name the subnets",
      });
      return;
    }
    await this.#networkInterfaces(ids);
    for (const id of ids) await this.#reservations(id);
    await this.#instances(ids);
    const vpcIds = [...new Set(subnets.flatMap((subnet) => subnet.VpcId ?? []))];
    if (vpcIds.length > 0) await this.#securityGroups(vpcIds);
  }

  /** The subnets in scope. What lies in the same VPC and is not the cluster's is no fact about it. */
  async #subnets(known: KnownSubnets): Promise<Subnet[]> {
    const { scope } = this.#options;
    const found = new Map<string, Subnet>();
    const search = async (filters: readonly Filter[][]): Promise<void> => {
      for (const one of filters) {
        const { items } = await this.#calls.pages(
          { action: "ec2:DescribeSubnets", command: `aws ec2 describe-subnets ${filterText(one)}` },
          (NextToken, abortSignal) =>
            this.#ec2.send(new DescribeSubnetsCommand({ Filters: one, MaxResults: PAGE_SIZE, NextToken }), {
              ...(abortSignal && { abortSignal }),
            }),
          (page) => ({ items: page.Subnets ?? [], nextToken: page.NextToken }),
        );
        for (const subnet of items) if (subnet.SubnetId !== undefined) found.set(subnet.SubnetId, subnet);
      }
    };
    await search(subnetFilters(scope, known));
    const vpcIds = [...new Set([...found.values()].flatMap((subnet) => subnet.VpcId ?? []))];
    // EKS did not tell the VPC: the subnets that carry the cluster's tag do, and others may carry the CNI's.
    if (scope.cluster !== undefined && known.vpcId === undefined && vpcIds.length > 0)
      await search([[{ Name: "vpc-id", Values: vpcIds }]]);
    const chosen = [...found.values()].filter((subnet) => isInScope(subnet, scope, known));
    this.#read("ec2:DescribeSubnets", { Subnets: chosen });
    return chosen;
  }

  /** All ENIs of the subnets, so that these are known wholly; unless a page did not come. */
  async #networkInterfaces(subnetIds: readonly string[]): Promise<void> {
    const all: object[] = [];
    const whole: string[] = [];
    for (const values of portions(subnetIds, FILTER_VALUES_MAX)) {
      const filters: Filter[] = [{ Name: "subnet-id", Values: values }];
      const { items, isWhole } = await this.#calls.pages(
        {
          action: "ec2:DescribeNetworkInterfaces",
          command: `aws ec2 describe-network-interfaces ${filterText(filters)}`,
        },
        (NextToken, abortSignal) =>
          this.#ec2.send(new DescribeNetworkInterfacesCommand({ Filters: filters, MaxResults: PAGE_SIZE, NextToken }), {
            ...(abortSignal && { abortSignal }),
          }),
        (page) => ({ items: page.NetworkInterfaces ?? [], nextToken: page.NextToken }),
      );
      for (const item of items) all.push(item);
      if (isWhole) whole.push(...values);
    }
    this.#read("ec2:DescribeNetworkInterfaces", { NetworkInterfaces: all });
    this.parts.push({ wholeSubnets: whole });
  }

  async #reservations(subnetId: string): Promise<void> {
    const { items } = await this.#calls.pages(
      {
        action: "ec2:GetSubnetCidrReservations",
        command: `aws ec2 get-subnet-cidr-reservations --subnet-id ${subnetId}`,
      },
      (NextToken, abortSignal) =>
        this.#ec2.send(new GetSubnetCidrReservationsCommand({ SubnetId: subnetId, MaxResults: PAGE_SIZE, NextToken }), {
          ...(abortSignal && { abortSignal }),
        }),
      (page) => ({ items: page.SubnetIpv4CidrReservations ?? [], nextToken: page.NextToken }),
    );
    if (items.length > 0) this.#read("ec2:GetSubnetCidrReservations", { SubnetIpv4CidrReservations: items });
  }

  async #instances(subnetIds: readonly string[]): Promise<void> {
    const types = new Set<string>();
    const all: object[] = [];
    for (const values of portions(subnetIds, FILTER_VALUES_MAX)) {
      const filters: Filter[] = [{ Name: "subnet-id", Values: values }];
      const { items } = await this.#calls.pages(
        { action: "ec2:DescribeInstances", command: `aws ec2 describe-instances ${filterText(filters)}` },
        (NextToken, abortSignal) =>
          this.#ec2.send(new DescribeInstancesCommand({ Filters: filters, MaxResults: PAGE_SIZE, NextToken }), {
            ...(abortSignal && { abortSignal }),
          }),
        (page) => ({ items: page.Reservations ?? [], nextToken: page.NextToken }),
      );
      for (const item of items) {
        all.push(item);
        for (const { InstanceType } of item.Instances ?? []) if (InstanceType !== undefined) types.add(InstanceType);
      }
    }
    this.#read("ec2:DescribeInstances", { Reservations: all });
    for (const values of portions([...types], TYPES_MAX)) {
      const name = {
        action: "ec2:DescribeInstanceTypes",
        command: `aws ec2 describe-instance-types --instance-types ${values.join(" ")}`,
      };
      const answer = await this.#calls.one(name, (abortSignal) =>
        this.#ec2.send(new DescribeInstanceTypesCommand({ InstanceTypes: values as never[] }), {
          ...(abortSignal && { abortSignal }),
        }),
      );
      if (answer !== undefined) this.#read("ec2:DescribeInstanceTypes", { InstanceTypes: answer.InstanceTypes ?? [] });
    }
  }

  async #securityGroups(vpcIds: readonly string[]): Promise<void> {
    const filters: Filter[] = [{ Name: "vpc-id", Values: [...vpcIds] }];
    const { items } = await this.#calls.pages(
      { action: "ec2:DescribeSecurityGroups", command: `aws ec2 describe-security-groups ${filterText(filters)}` },
      (NextToken, abortSignal) =>
        this.#ec2.send(new DescribeSecurityGroupsCommand({ Filters: filters, MaxResults: PAGE_SIZE, NextToken }), {
          ...(abortSignal && { abortSignal }),
        }),
      (page) => ({ items: page.SecurityGroups ?? [], nextToken: page.NextToken }),
    );
    this.#read("ec2:DescribeSecurityGroups", { SecurityGroups: items });
  }

  /** As if the AWS CLI had printed it into a file of that name. */
  #read(action: string, answer: object): void {
    const text = JSON.stringify(answer);
    const sniff = { path: action, head: text.slice(0, 64 * 1024), isWhole: text.length <= 64 * 1024 };
    const reader = this.#readers.find((one) => one.recognises(sniff));
    if (reader !== undefined) this.parts.push(reader.read({ path: action, text, node: undefined }));
  }
}

function portions<T>(items: readonly T[], length: number): T[][] {
  const found: T[][] = [];
  for (let at = 0; at < items.length; at += length) found.push(items.slice(at, at + length));
  return found;
}

function filterText(filters: readonly Filter[]): string {
  return `--filters ${filters.map(({ Name, Values }) => `Name=${Name},Values=${(Values ?? []).join(",")}`).join(" ")}`;
}
