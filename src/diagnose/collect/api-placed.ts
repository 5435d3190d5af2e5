// A value of an API's answer. Such an answer has no lines: a value is cited by its field.

import type { JsonPath } from "../../text/json-position.ts";
import { type PlacedDocument, placeJson } from "../../text/placed-document.ts";
import type { Source, Span } from "../facts/model.ts";
import { fieldText } from "../readers/kubernetes/index.ts";
import { Placed } from "../readers/placed.ts";

/** @param field of the object in the answer, `items[3]`; empty when it is all of it. */
export function placedAnswer(object: unknown, file: string, field: string): Placed {
  return new ApiPlaced(answerDocument(object, file), field, [], object);
}

class ApiPlaced extends Placed {
  readonly #field: string;

  constructor(document: PlacedDocument, field: string, path: JsonPath, value: unknown) {
    super(document, path, value);
    this.#field = field;
  }

  override get(...keys: readonly (string | number)[]): Placed {
    const found = super.get(...keys);
    return new ApiPlaced(this.document, this.#field, found.path, found.value);
  }

  override get at(): Source {
    const inside = fieldText(this.path);
    const field = this.#field === "" || inside === "" ? this.#field + inside : `${this.#field}.${inside}`;
    return { file: this.document.file, ...(field === "" ? {} : { field }) };
  }

  /** There is no file to edit. */
  override get span(): Span | undefined {
    return undefined;
  }

  override get entrySpan(): Span | undefined {
    return undefined;
  }
}

/** The object as a document of its own, written out only when a reader looks into one of its strings. */
function answerDocument(value: unknown, file: string): PlacedDocument {
  let written: PlacedDocument | undefined;
  const whole = (): PlacedDocument => {
    written ??= placeJson(JSON.stringify(value) ?? "null", file).documents[0];
    if (written === undefined) throw new Error("JSON that JSON.stringify wrote cannot be read");
    return written;
  };
  return { file, value, place: (path) => whole().place(path), frame: (path) => whole().frame(path) };
}
