// One Terraform file: subnets (new ones, or tags on those that are there), their reservations, the add-on with its values, and a
// launch template for each node group.

import { formatCidr } from "../../base/ipv4.ts";
import { chartValues } from "./chart.ts";
import { commented } from "./emitted-file.ts";
import { encodedText, expression, formatBlock, type HclBlock, type HclTerm, jsonencode } from "./hcl.ts";
import { userData } from "./node-boot.ts";
import type { EmittedFile, Figures, GroupFigures, SubnetFigures } from "./types.ts";

/** A reference inside a heredoc. */
const CLUSTER_NAME = `\${var.cluster_name}`;

export function terraformFiles(figures: Figures): EmittedFile[] {
  const path = "terraform/main.tf";
  const blocks = [
    ...settingsBlocks(figures),
    ...figures.subnets.flatMap((one) => subnetBlocks(one)),
    ...(figures.hasAddon ? [addonBlock(figures)] : []),
    ...figures.groups.map((one) => launchTemplate(figures, one)),
    ...outputs(figures),
  ];
  const notes = [
    ...reservationNotes(figures),
    ...figures.groups.map((one) => `${one.group.name}: max-pods ${one.maxPods}, ${one.why}.`),
  ];
  const isNew = figures.subnets.some((one) => !one.isExisting);
  const variables = [...(isNew ? ["vpc_id=vpc-..."] : []), ...(figures.os === "al2" ? ["ami_id=ami-..."] : [])];
  return [
    commented(figures, {
      path,
      format: "terraform",
      about: "Subnets with reservations for prefixes, the add-on vpc-cni, and launch templates that set max-pods.",
      notes,
      apply: `cd terraform && terraform init && terraform apply${variables.map((one) => ` -var ${one}`).join("")}`,
      body: blocks.map((block) => formatBlock(block)).join("\n\n"),
    }),
  ];
}

function reservationNotes(figures: Figures): string[] {
  const isReserved = figures.subnets.some((one) => one.subnet.reservations.some((held) => held.type === "prefix"));
  if (!isReserved) return [];
  const existing = figures.subnets.filter((one) => one.isExisting && one.subnet.reservations.length > 0);
  return [
    "Reservations come from the upper end of each subnet, as many whole blocks as its nodes hold when they are full.",
    ...(existing.length > 0
      ? [
          `Addresses of others that lie in a range already stay there and spoil its /28s: look at ${existing.map((one) => one.subnet.id).join(", ")} with slash28 map first.`,
        ]
      : []),
  ];
}

function settingsBlocks(figures: Figures): HclBlock[] {
  const variable = (name: string, description: string, value?: string): HclBlock => ({
    head: `variable "${name}"`,
    attributes: { description, type: expression("string"), ...(value === undefined ? {} : { default: value }) },
  });
  const isNew = figures.subnets.some((one) => !one.isExisting);
  const required: HclBlock = {
    head: "required_providers",
    attributes: { aws: { source: "hashicorp/aws", version: ">= 5.0" } },
  };
  return [
    { head: "terraform", attributes: { required_version: ">= 1.3" }, blocks: [required] },
    { head: 'provider "aws"', attributes: { region: figures.region } },
    variable("cluster_name", "The EKS cluster.", figures.clusterName),
    ...(isNew ? [variable("vpc_id", "The VPC in which the subnets are made.")] : []),
    ...(figures.os === "al2" ? [variable("ami_id", "An EKS image of Amazon Linux 2.")] : []),
  ];
}

function subnetBlocks({ subnet, isExisting, address }: SubnetFigures): HclBlock[] {
  const tags: Record<string, string> = { Name: subnet.id, ...Object.fromEntries(subnet.tags) };
  const id: HclTerm = isExisting ? subnet.id : expression(`aws_subnet.${address}.id`);
  const reservations = subnet.reservations.map(({ cidr, type }, index): HclBlock => {
    const name = index === 0 ? address : `${address}_${index + 1}`;
    return {
      head: `resource "aws_ec2_subnet_cidr_reservation" "${name}"`,
      attributes: {
        subnet_id: id,
        cidr_block: formatCidr(cidr),
        reservation_type: type,
        ...(type === "prefix" ? { description: "prefixes of pods" } : {}),
      },
    };
  });
  if (isExisting) {
    const tagBlocks = [...subnet.tags].map(
      ([key, value], index): HclBlock => ({
        head: `resource "aws_ec2_tag" "${address}_${index + 1}"`,
        attributes: { resource_id: id, key, value },
      }),
    );
    return [...tagBlocks, ...reservations];
  }
  const made: HclBlock = {
    head: `resource "aws_subnet" "${address}"`,
    attributes: {
      vpc_id: expression("var.vpc_id"),
      availability_zone: subnet.az,
      cidr_block: formatCidr(subnet.cidr),
      tags,
    },
  };
  return [made, ...reservations];
}

function addonBlock(figures: Figures): HclBlock {
  const idOf = (id: string): HclTerm => {
    const found = figures.subnets.find((one) => one.subnet.id === id);
    return found === undefined || found.isExisting ? id : expression(`aws_subnet.${found.address}.id`);
  };
  const values = chartValues(figures, { env: figures.addonEnv, idOf }) as unknown as HclTerm;
  return {
    head: 'resource "aws_eks_addon" "vpc_cni"',
    attributes: {
      cluster_name: expression("var.cluster_name"),
      addon_name: "vpc-cni",
      resolve_conflicts_on_create: "OVERWRITE",
      resolve_conflicts_on_update: "OVERWRITE",
      configuration_values: jsonencode(values, 1),
    },
  };
}

function launchTemplate(figures: Figures, one: GroupFigures): HclBlock {
  const image: Record<string, HclTerm> = figures.os === "al2" ? { image_id: expression("var.ami_id") } : {};
  return {
    head: `resource "aws_launch_template" "${one.address}"`,
    attributes: {
      name: one.name,
      instance_type: one.group.instanceType,
      update_default_version: true,
      ...image,
      user_data: encodedText(userData(figures, one, CLUSTER_NAME)),
    },
    blocks: [
      {
        head: "metadata_options",
        attributes: { http_endpoint: "enabled", http_tokens: "required", http_put_response_hop_limit: 2 },
      },
    ],
  };
}

/** For `envsubst`: ids that the other files leave open. */
function outputs(figures: Figures): HclBlock[] {
  const made = figures.subnets.filter((one) => !one.isExisting);
  if (made.length === 0) return [];
  const value = Object.fromEntries(made.map((one) => [variableOf(one), expression(`aws_subnet.${one.address}.id`)]));
  return [{ head: 'output "subnet_ids"', attributes: { value } }];
}

function variableOf({ idText }: SubnetFigures): string {
  return idText.replace(/^\$\{(.*)\}$/, "$1");
}
