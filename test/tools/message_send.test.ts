import { expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import { openSandbox } from "./sandbox.ts";

test("a message goes to this chat unless another is named, and the result says where", async () => {
	using box = openSandbox();
	const sent: object[] = [];
	const send = (message: { text: string; dialog?: string; to?: string }) => {
		sent.push(message);
		return Promise.resolve(
			`${message.dialog ?? "cli"} ${message.to ?? "local"}`,
		);
	};
	expect(await box.run("message_send", { text: "hi" }, { send })).toEqual({
		success: true,
		output: "Sent to cli local.",
	});
	expect(
		await box.run(
			"message_send",
			{ text: "hi", dialog: "telegram", to: "42" },
			{ send },
		),
	).toEqual({
		success: true,
		output: "Sent to telegram 42.",
	});
	expect(sent).toEqual([
		{ text: "hi" },
		{ text: "hi", dialog: "telegram", to: "42" },
	]);
});

test("a message that may not go there is a failure with the reason", async () => {
	using box = openSandbox();
	const send = () =>
		Promise.reject(
			new AeonError("not_found", "telegram 7 is not among the allowed users"),
		);
	expect(
		await box.run("message_send", { text: "hi", to: "7" }, { send }),
	).toEqual({
		success: false,
		output: "",
		error:
			"The message was not sent: telegram 7 is not among the allowed users",
	});
});
