// A file's text as documents with places, JSON or YAML as its first character says.

import type { CheckError } from "../../../text/check-error.ts";
import { placeJson, placeYaml } from "../../../text/placed-document.ts";
import type { FactsPart } from "../../facts/model.ts";
import { joinParts, unreadOf } from "../objects.ts";
import { Placed } from "../placed.ts";
import type { TextFile } from "../reader.ts";

export function documentsOf(file: TextFile): { readonly documents: Placed[]; readonly errors: readonly CheckError[] } {
  const isJson = looksLikeJson(file.text);
  const { documents, errors } = isJson ? placeJson(file.text, file.path) : placeYaml(file.text, file.path);
  return { documents: documents.map((document) => new Placed(document)), errors };
}

export function looksLikeJson(text: string): boolean {
  return /^[\uFEFF\s]*[[{]/.test(text);
}

/** What each document says, with the file listed as read and its errors as unread. */
export function partOfFile(file: TextFile, kind: string, read: (document: Placed) => FactsPart): FactsPart {
  const { documents, errors } = documentsOf(file);
  const listed = documents.length > 0 ? [{ file: file.path, kind }] : [];
  return joinParts([...documents.map(read), { read: listed, unread: unreadOf(errors) }]);
}
