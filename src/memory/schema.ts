// The tables of the database of facts, as the steps that make them.

import { createFullText } from "../database/full_text.ts";
import type { Schema } from "../database/migrate.ts";

/** The index of the facts' words. */
export const FACT_WORDS = "fact_words";

const steps = [
	// A signature tells which model has seen a fact, and is narrow: without bits, the model could not take it.
	`CREATE TABLE facts (id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT NOT NULL, user TEXT NOT NULL, text TEXT NOT NULL,
  key TEXT NOT NULL, saved_at INTEGER NOT NULL, UNIQUE (agent_id, user, key));
CREATE INDEX idx_facts_owner ON facts(agent_id, user);
${createFullText(FACT_WORDS)};
CREATE TABLE models (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, dimensions INTEGER, center BLOB);
CREATE TABLE vectors (fact_id INTEGER PRIMARY KEY, model INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE signatures (fact_id INTEGER PRIMARY KEY, model INTEGER NOT NULL, bits BLOB);
CREATE INDEX idx_signatures_model ON signatures(model);`,
];

/** The schema of the database of facts. */
export const MEMORY: Schema = { steps, setting: "memory.database" };
