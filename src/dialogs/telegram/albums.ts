// Pictures that were sent together and come one by one: only one of them names the bot, or says what it answers.

import type { Message, Update } from "grammy/types";

/** What is known of an album. */
export interface Album {
	/** The update that was taken in first; none where nothing of it was meant for the bot so far. */
	first?: number;
	/** Updates of a group that came before the one that names the bot. */
	held: Update[];
}

/** Albums that are remembered, and updates that one of them has at most (Bot API: 2 to 10). */
const MAX_ALBUMS = 100;
const MAX_HELD = 10;

/** Finds the album that a message belongs to; the oldest are forgotten. */
export function createAlbums(): (message: Message) => Album | undefined {
	const albums = new Map<string, Album>();
	return ({ chat, media_group_id: id }) => {
		if (id === undefined) return undefined;
		const key = `${chat.id} ${id}`;
		const album = albums.get(key) ?? { held: [] };
		albums.set(key, album);
		const [oldest] = albums.keys();
		if (albums.size > MAX_ALBUMS && oldest !== undefined) albums.delete(oldest);
		return album;
	};
}

/** Keeps an update for when its album turns out to be meant for the bot. */
export function hold(album: Album, update: Update): void {
	const isKnown = album.held.some((one) => one.update_id === update.update_id);
	if (!isKnown && album.held.length < MAX_HELD) album.held.push(update);
}
