// Terraform files: which block is read by whom. The files of a folder are one module, whichever of them a value is written in. The
// parser is handed in, for loading it is IO.

import { TextFrame } from "../../../../text/text-frame.ts";
import type { FactsPart, UnreadFile } from "../../../facts/model.ts";
import { joinParts, unreadOf } from "../../objects.ts";
import type { FileReader, TextFile } from "../../reader.ts";
import type { HclBlock } from "./hcl-module.ts";
import type { HclParse } from "./hcl-tree.ts";
import { readAddonResource, readAddonsOfModule, readHelmRelease, readManifest } from "./terraform-addons.ts";
import { isVariablesFile, normal, type TerraformFile, terraformModules } from "./terraform-folders.ts";
import { readIam } from "./terraform-iam.ts";
import { readReservation, readSecurityGroup, readSubnet, readVpcModule } from "./terraform-network.ts";
import { readNodes } from "./terraform-nodes.ts";

const RESOURCES: Readonly<Record<string, (block: HclBlock, file: TextFrame) => FactsPart>> = {
  aws_ec2_subnet_cidr_reservation: readReservation,
  aws_eks_addon: readAddonResource,
  aws_security_group: readSecurityGroup,
  aws_subnet: readSubnet,
  helm_release: readHelmRelease,
  kubectl_manifest: readManifest,
  kubernetes_manifest: readManifest,
};

const COMMENTS = /^(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/;
const BLOCK =
  /^(?:(?:resource|data)[ \t]+"[\w-]+"[ \t]+"[\w-]+"|(?:module|variable|output|provider|check)[ \t]+"[\w-]+"|locals|terraform|moved|removed)[ \t]*\{/;

/** The first thing that is no comment is a block of Terraform: a pasted text that quotes some further down is not. */
function isTerraform(head: string): boolean {
  return BLOCK.test(head.replace(/^\uFEFF/, "").replace(COMMENTS, ""));
}

/** Of all files together; a repository's own Terraform is some megabytes at most. */
const LENGTH_MAX = 64 * 2 ** 20;

/** Reads `.tf` files by their content or name, and files of values by their name, as Terraform does; those of a folder together. */
export function terraformReader(parse: HclParse): FileReader {
  return {
    kind: "Terraform",
    recognises: ({ path, head }) => /\.tf$/.test(path) || isVariablesFile(path) || isTerraform(head),
    read: (file) => readTogether([file], parse),
    readTogether: (files) => readTogether(files, parse),
  };
}

function readTogether(given: readonly TextFile[], parse: HclParse): FactsPart {
  const byPath = new Map(given.map((file) => [normal(file.path), file]));
  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const unread: UnreadFile[] = [];
  let length = 0;
  const files = sorted.filter(({ path, text }) => {
    length += text.length;
    if (length <= LENGTH_MAX) return true;
    unread.push({ file: path, reason: `comes after ${LENGTH_MAX} characters of Terraform: it is not read` });
    return false;
  });
  const frame = TextFrame.ofFiles(files.map(({ path, text }) => ({ file: path, text })));
  let base = 0;
  const parsed = files.map(({ path, text }): TerraformFile => {
    const start = base;
    base += text.length + 1;
    const { root, errors } = parse(text, start);
    const placed = errors.map(({ offset, message }) => {
      const { file, line, column } = frame.place({ start: start + offset, end: start + offset });
      return { file, line, column, message };
    });
    unread.push(...unreadOf(placed));
    return { path, root: errors.length > 0 ? undefined : root };
  });
  const read = parsed.flatMap(({ path, root }) => (root === undefined ? [] : [{ file: path, kind: "Terraform" }]));
  return joinParts([
    ...terraformModules(parsed, frame).flatMap(({ blocks }) => [
      ...blocks.map((block) => readBlock(block, frame)),
      readNodes(blocks),
      readIam(blocks, frame),
    ]),
    { read, unread },
  ]);
}

function readBlock(block: HclBlock, file: TextFrame): FactsPart {
  if (block.kind === "module") return joinParts([readAddonsOfModule(block, file), readVpcModule(block)]);
  const read = block.kind === "resource" && Object.hasOwn(RESOURCES, block.type) ? RESOURCES[block.type] : undefined;
  return read?.(block, file) ?? {};
}
