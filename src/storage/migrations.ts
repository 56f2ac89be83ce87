import type { Schema } from "../database/migrate.ts";
import { CREATE_WORD_INDEX } from "./word_index.ts";

const steps = [
	`CREATE TABLE sessions (session_key TEXT PRIMARY KEY, agent_id TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_key TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL,
  timestamp INTEGER NOT NULL, metadata TEXT, FOREIGN KEY (session_key) REFERENCES sessions(session_key));
CREATE INDEX idx_messages_session ON messages(session_key, timestamp);`,
	// The order of a session is that of its ids, for a clock may go backwards; without this index reading its end sorts it.
	"CREATE INDEX idx_messages_session_id ON messages(session_key, id);",
	// What was taken keeps its ids, by which a repeat is known, and loses its body.
	`CREATE TABLE inbox (run_id TEXT PRIMARY KEY, dialog TEXT NOT NULL, message_id TEXT, session_key TEXT NOT NULL, body TEXT NOT NULL,
  received_at INTEGER NOT NULL, taken_at INTEGER);
CREATE UNIQUE INDEX idx_inbox_message ON inbox(dialog, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX idx_inbox_taken ON inbox(taken_at);`,
	// What was taken is done only when its turn has ended. Of the turns of what was taken before this step nobody knows.
	`ALTER TABLE inbox ADD COLUMN turn_run TEXT;
ALTER TABLE inbox ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN done_at INTEGER;
UPDATE inbox SET done_at = taken_at;
DROP INDEX idx_inbox_taken;
CREATE TABLE outbox (delivery_id TEXT NOT NULL, part INTEGER NOT NULL, dialog TEXT NOT NULL, recipient TEXT NOT NULL, session_key TEXT,
  content TEXT NOT NULL, state TEXT NOT NULL, platform_id TEXT, tried_at TEXT, reason TEXT, attempts INTEGER NOT NULL,
  created_at INTEGER NOT NULL, due_at INTEGER, settled_at INTEGER, PRIMARY KEY (delivery_id, part));
CREATE INDEX idx_outbox_pending ON outbox(dialog) WHERE state = 'pending' AND due_at IS NOT NULL;`,
	// Neither reads what is there, however much that is: a table for the last summaries, since an index would; and an index of
	// words, which is filled only when somebody searches. Its ids are those of the messages.
	`CREATE TABLE summaries (session_key TEXT PRIMARY KEY, message_id INTEGER NOT NULL);
CREATE TRIGGER keep_summary AFTER INSERT ON messages WHEN NEW.role = 'summary'
  BEGIN INSERT OR REPLACE INTO summaries VALUES (NEW.session_key, NEW.id); END;
${CREATE_WORD_INDEX};
CREATE TABLE search_state (indexed_through INTEGER NOT NULL);
INSERT INTO search_state VALUES (0);`,
];

/** The schema of the SQLite store. */
export const SESSIONS: Schema = { steps, setting: "storage.sessions_db" };
