// Terraform files: which block is read by whom. The parser is handed in, for loading it is IO.

import { TextFrame } from "../../../../text/text-frame.ts";
import type { FactsPart } from "../../../facts/model.ts";
import { joinParts, unreadOf } from "../../objects.ts";
import type { FileReader } from "../../reader.ts";
import { type HclBlock, HclModule } from "./hcl-module.ts";
import type { HclParse } from "./hcl-tree.ts";
import { readAddonResource, readAddonsOfModule, readHelmRelease, readManifest } from "./terraform-addons.ts";
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

/** Reads `.tf` files by their content. */
export function terraformReader(parse: HclParse): FileReader {
  return {
    kind: "Terraform",
    recognises: ({ head }) => isTerraform(head),
    read(file) {
      const frame = TextFrame.ofFile(file.text, file.path);
      const { root, errors } = parse(file.text);
      if (errors.length > 0) {
        const placed = errors.map(({ offset, message }) => {
          const { line, column } = frame.place({ start: offset, end: offset });
          return { file: file.path, line, column, message };
        });
        return { unread: unreadOf(placed) };
      }
      const blocks = new HclModule(root, frame).blocks();
      return joinParts([
        ...blocks.map((block) => readBlock(block, frame)),
        readNodes(blocks),
        readIam(blocks, frame),
        { read: [{ file: file.path, kind: "Terraform" }] },
      ]);
    },
  };
}

function readBlock(block: HclBlock, file: TextFrame): FactsPart {
  if (block.kind === "module") return joinParts([readAddonsOfModule(block, file), readVpcModule(block)]);
  const read = block.kind === "resource" && Object.hasOwn(RESOURCES, block.type) ? RESOURCES[block.type] : undefined;
  return read?.(block, file) ?? {};
}
