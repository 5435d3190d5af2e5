// One Terraform file: subnets (new ones, or tags on those that are there), their reservations, the add-on with its values, and a
// launch template for each node group.

import { formatCidr } from "../../base/ipv4.ts";
import { chartValues } from "./chart.ts";
import { commented } from "./emitted-file.ts";
import { encodedText, expression, formatBlock, type HclBlock, type HclTerm, jsonencode, reference } from "./hcl.ts";
import { imageOf } from "./images.ts";
import { type ClusterReferences, userData } from "./node-boot.ts";
import { type EmittedFile, type Figures, type GroupFigures, SUBNET_TAG, type SubnetFigures } from "./types.ts";

const CLUSTER = "data.aws_eks_cluster.this";

/** References inside a heredoc. */
const REFERENCES: ClusterReferences = {
  name: `\${${CLUSTER}.name}`,
  endpoint: `\${${CLUSTER}.endpoint}`,
  certificate: `\${${CLUSTER}.certificate_authority[0].data}`,
  serviceCidr: `\${${CLUSTER}.kubernetes_network_config[0].service_ipv4_cidr}`,
};

export function terraformFiles(figures: Figures): EmittedFile[] {
  const path = "terraform/main.tf";
  const blocks = [
    ...settingsBlocks(figures),
    ...figures.subnets.flatMap((one) => subnetBlocks(one)),
    ...(figures.hasAddon ? [addonBlock(figures)] : []),
    ...imageBlocks(figures),
    ...figures.groups.map((one) => launchTemplate(figures, one)),
    ...outputs(figures),
  ];
  const notes = [
    ...reservationNotes(figures),
    ...figures.groups.map((one) => `${one.group.name}: max-pods ${one.maxPods}, ${one.why}.`),
  ];
  notes.push(
    "The launch templates name an AMI: without one EKS puts its own max-pods into managed node groups. New images come with the next apply.",
  );
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
    "Reservations are aligned ranges for as many /28s as the subnet's nodes hold when they are full.",
    ...(existing.length > 0 && !figures.isKnown
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
  const tags: Record<string, string> = { Name: subnet.id, [SUBNET_TAG]: subnet.id, ...Object.fromEntries(subnet.tags) };
  const id: HclTerm = isExisting ? subnet.id : expression(`aws_subnet.${address}.id`);
  const reservations = subnet.reservations.map(({ cidr, type }, index): HclBlock => {
    return {
      // Always with a number: `a`'s second one must not be called as a subnet `a-2`.
      head: `resource "aws_ec2_subnet_cidr_reservation" "${address}_${index + 1}"`,
      attributes: {
        subnet_id: id,
        cidr_block: formatCidr(cidr),
        reservation_type: type,
        ...(type === "prefix" ? { description: "prefixes of pods" } : {}),
      },
    };
  });
  if (isExisting) {
    // Its other tags are there already, and somebody else's.
    const ofAgent = [...subnet.tags].filter(([key]) =>
      /^(?:kubernetes\.io\/role\/cni$|cni\.networking\.k8s\.aws\/)/.test(key),
    );
    const tagBlocks = ofAgent.map(
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

/** The cluster that nodes join, and the newest image of each kind that they need. */
function imageBlocks(figures: Figures): HclBlock[] {
  const cluster = { head: 'data "aws_eks_cluster" "this"', attributes: { name: expression("var.cluster_name") } };
  const names = new Map(figures.groups.flatMap((one) => [imageOf(figures.os, one)]).map((one) => [one.name, one.path]));
  const images = [...names].flatMap(([name, path]) =>
    path === undefined ? [] : [{ head: `data "aws_ssm_parameter" "${name}"`, attributes: { name: reference(path) } }],
  );
  return [cluster, ...images];
}

function launchTemplate(figures: Figures, one: GroupFigures): HclBlock {
  const { name, path } = imageOf(figures.os, one);
  const image = path === undefined ? "var.ami_id" : `data.aws_ssm_parameter.${name}.value`;
  return {
    head: `resource "aws_launch_template" "${one.address}"`,
    attributes: {
      name: one.name,
      instance_type: one.group.instanceType,
      update_default_version: true,
      image_id: expression(image),
      user_data: encodedText(userData(figures, one, REFERENCES)),
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
