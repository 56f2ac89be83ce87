// What Telegram reports of a chat by a message that nobody wrote.

import type { Message } from "grammy/types";

/** Messages that are about a chat, by their field, as the end of "Telegram says that …". */
const SERVICE: { [Kind in keyof Message]?: string } = {
	pinned_message: "a message was pinned",
	new_chat_title: "the chat has a new title",
	new_chat_photo: "the chat has a new picture",
	delete_chat_photo: "the chat's picture was removed",
	new_chat_members: "somebody joined the chat",
	left_chat_member: "somebody left the chat",
	community_chat_joined: "somebody joined by a community",
	community_chat_added: "the chat was added to a community",
	community_chat_removed: "the chat was removed from a community",
	chat_owner_left: "the chat's owner left it",
	chat_owner_changed: "the chat has a new owner",
	group_chat_created: "a group was made",
	supergroup_chat_created: "a supergroup was made",
	channel_chat_created: "a channel was made",
	migrate_to_chat_id: "a group became a supergroup",
	migrate_from_chat_id: "a group became a supergroup",
	message_auto_delete_timer_changed: "messages are kept for another time now",
	successful_payment: "a payment was made",
	refunded_payment: "a payment was given back",
	connected_website: "you logged in to a website",
	write_access_allowed: "the bot may write to you",
	passport_data: "you shared documents of your Telegram Passport",
	proximity_alert_triggered: "somebody came near",
	boost_added: "the chat was boosted",
	chat_background_set: "the chat has a new background",
	checklist_tasks_done: "tasks of a checklist were ticked",
	checklist_tasks_added: "tasks were added to a checklist",
	poll_option_added: "an answer was added to a poll",
	poll_option_deleted: "an answer was taken out of a poll",
	forum_topic_created: "a topic was made",
	forum_topic_edited: "a topic was changed",
	forum_topic_closed: "a topic was closed",
	forum_topic_reopened: "a topic was opened again",
	general_forum_topic_hidden: "the general topic was hidden",
	general_forum_topic_unhidden: "the general topic is shown again",
	giveaway_created: "a giveaway was planned",
	giveaway_completed: "a giveaway is over",
	gift_upgrade_sent: "an upgrade of a gift was paid",
	paid_message_price_changed: "messages have another price",
	direct_message_price_changed: "direct messages have another price",
	managed_bot_created: "a bot was made",
	suggested_post_info: "a post was suggested",
	suggested_post_approved: "a suggested post was approved",
	suggested_post_approval_failed: "a suggested post could not be approved",
	suggested_post_declined: "a suggested post was declined",
	suggested_post_paid: "a suggested post was paid",
	suggested_post_refunded: "a suggested post was given back its price",
	video_chat_scheduled: "a video chat was planned",
	video_chat_started: "a video chat began",
	video_chat_ended: "a video chat ended",
	video_chat_participants_invited: "somebody was invited to a video chat",
};

/** What Telegram reports by a message, in a sentence for a person; undefined where somebody wrote it. */
export function describeService(message: Message): string | undefined {
	const kind = Object.keys(SERVICE).find((name) =>
		Object.hasOwn(message, name),
	);
	if (kind === undefined) return undefined;
	return `Telegram says that ${SERVICE[kind as keyof Message]}. Aeon does nothing with that.`;
}
