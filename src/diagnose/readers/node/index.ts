// Pages and files of one node: what the agent tells about itself, its checkpoint, where the node is.

import type { FileReader } from "../reader.ts";
import { CHECKPOINT_READER } from "./checkpoint.ts";
import { ENI_CONFIGS_READER } from "./eni-configs.ts";
import { IDENTITY_READER } from "./identity.ts";
import { INTROSPECTION_READER } from "./introspection.ts";
import { METRICS_READER } from "./metrics.ts";

/** Most specific first. */
export const NODE_READERS: readonly FileReader[] = [
  INTROSPECTION_READER,
  ENI_CONFIGS_READER,
  CHECKPOINT_READER,
  METRICS_READER,
  IDENTITY_READER,
];
