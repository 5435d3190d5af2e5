// Nodes in Terraform: launch templates, managed node groups, the node groups of the common EKS module.

import type { CheckError } from "../../../../text/check-error.ts";
import type { FactsPart, NodeBootstrap } from "../../../facts/model.ts";
import { joinParts, unreadOf } from "../../objects.ts";
import type { Placed } from "../../placed.ts";
import { readBootstrapArguments } from "../bootstrap-arguments.ts";
import { NO_BOOTSTRAP } from "../node-config.ts";
import { locatedOsFamily } from "../os-family.ts";
import { readUserData } from "../user-data.ts";
import type { HclBlock } from "./hcl-module.ts";

/** What a launch template or a node group says; the template of a group is joined to it where it is in the same file. */
export function readNodes(blocks: readonly HclBlock[]): FactsPart {
  const templates = new Map(
    blocks.filter((block) => block.type === "aws_launch_template").map((block) => [block.address, templateOf(block)]),
  );
  const used = new Set<string>();
  const parts: FactsPart[] = [];
  for (const block of blocks) {
    if (block.type === "aws_eks_node_group") {
      const reference = block.body.get("launch_template", 0);
      const name = [reference.get("id").text, reference.get("name").text].find((one) => templates.has(one ?? ""));
      if (name !== undefined) used.add(name);
      parts.push({ bootstraps: [nodeGroup(block, templates.get(name ?? "")?.fields ?? {})] });
    } else if (block.kind === "module") parts.push(groupsOfModule(block));
  }
  for (const [name, { bootstrap, fields, errors }] of templates) {
    parts.push({ unread: unreadOf(errors) });
    if (!used.has(name)) parts.push({ bootstraps: [{ ...bootstrap, ...fields }] });
  }
  return joinParts(parts);
}

interface Template {
  readonly bootstrap: NodeBootstrap;
  readonly fields: Partial<NodeBootstrap>;
  readonly errors: readonly CheckError[];
}

function templateOf(block: HclBlock): Template {
  const { body } = block;
  const frame = body.get("user_data").frame;
  const found = frame === undefined ? undefined : readUserData(frame);
  const instanceType = body.get("instance_type").locatedText;
  const amiId = body.get("image_id").locatedText;
  const metadataOptions = metadataOf(body.get("metadata_options", 0));
  return {
    bootstrap: {
      ...NO_BOOTSTRAP,
      origin: found?.origin ?? "terraform",
      name: block.address,
      at: found?.at ?? body.at,
    },
    fields: {
      ...found?.fields,
      ...(instanceType === undefined ? {} : { instanceTypes: [instanceType] }),
      ...(amiId === undefined ? {} : { amiId }),
      ...(metadataOptions === undefined ? {} : { metadataOptions }),
    },
    errors: found?.errors ?? [],
  };
}

function nodeGroup({ body, address }: HclBlock, template: Partial<NodeBootstrap>): NodeBootstrap {
  const instanceTypes = body.get("instance_types").locatedTexts;
  return {
    ...NO_BOOTSTRAP,
    ...template,
    origin: "terraform",
    name: body.get("node_group_name").text ?? address,
    at: body.at,
    osFamily: locatedOsFamily(body.get("ami_type")),
    instanceTypes: instanceTypes.length > 0 ? instanceTypes : (template.instanceTypes ?? []),
    subnetIds: body.get("subnet_ids").locatedTexts,
    nodeCountMax: body.get("scaling_config", 0, "max_size").locatedCount,
    nodeCountDesired: body.get("scaling_config", 0, "desired_size").locatedCount,
  };
}

/** `eks_managed_node_groups` and `self_managed_node_groups`, each over its defaults. */
function groupsOfModule(block: HclBlock): FactsPart {
  return joinParts(
    ["eks_managed_node_group", "self_managed_node_group"].flatMap((kind) => {
      const defaults = block.body.get(`${kind}_defaults`);
      return block.body
        .get(`${kind}s`)
        .entries()
        .filter(([, group]) => group.isMap)
        .map(([name, group]) => moduleGroup(name, group, defaults));
    }),
  );
}

function moduleGroup(name: string, group: Placed, defaults: Placed): FactsPart {
  const of = (key: string): Placed => (group.get(key).isThere ? group.get(key) : defaults.get(key));
  const errors: CheckError[] = [];
  let fields: Partial<NodeBootstrap> = {};
  const boots = [of("pre_bootstrap_user_data"), ...of("cloudinit_pre_nodeadm").items().map(contentOf)];
  for (const text of [...boots, ...of("cloudinit_post_nodeadm").items().map(contentOf)]) {
    const found = text.frame === undefined ? undefined : readUserData(text.frame);
    fields = { ...fields, ...found?.fields };
    errors.push(...(found?.errors ?? []));
  }
  const args = of("bootstrap_extra_args");
  if (typeof args.value === "string") {
    const asToml = args.frame === undefined ? undefined : readUserData(args.frame);
    if (asToml?.origin === "bottlerocket") fields = { ...fields, ...asToml.fields };
    else fields = { ...fields, ...readBootstrapArguments(args.value, args.at, args.span) };
  }
  const instanceType = of("instance_type").locatedText;
  const options = of("metadata_options");
  const bootstrap: NodeBootstrap = {
    ...NO_BOOTSTRAP,
    ...fields,
    origin: "terraform",
    name: group.get("name").text ?? name,
    at: group.at,
    osFamily: locatedOsFamily(of("ami_type")) ?? locatedOsFamily(of("platform")),
    instanceTypes: instanceType === undefined ? of("instance_types").locatedTexts : [instanceType],
    subnetIds: of("subnet_ids").locatedTexts,
    nodeCountMax: of("max_size").locatedCount,
    nodeCountDesired: of("desired_size").locatedCount,
    amiId: of("ami_id").locatedText,
    metadataOptions: metadataOf(options),
  };
  return { bootstraps: [bootstrap], unread: unreadOf(errors) };
}

function contentOf(part: Placed): Placed {
  return part.get("content");
}

function metadataOf(options: Placed): NodeBootstrap["metadataOptions"] {
  if (!options.isMap) return undefined;
  return {
    httpEndpoint: options.get("http_endpoint").text,
    httpTokens: options.get("http_tokens").text,
    hopLimit: options.get("http_put_response_hop_limit").count,
    at: options.at,
  };
}
