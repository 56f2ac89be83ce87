// Tables of Markdown made of JSON Schema: a row a field, named by its path.

/** What is used of JSON Schema here. */
export interface Schema {
	type?: string | string[];
	description?: string;
	default?: unknown;
	const?: unknown;
	enum?: unknown[];
	properties?: Record<string, Schema>;
	required?: string[];
	additionalProperties?: boolean | Schema;
	items?: Schema;
	anyOf?: Schema[];
	$ref?: string;
	minimum?: number;
	maximum?: number;
	minLength?: number;
	maxLength?: number;
	maxItems?: number;
}

/** Which way the fields go: to the server, where each is needed or not, or from it, where each is there or not. */
export type Direction = "asked" | "told";

/** The fields of an object, or of each form that it may have, under a title; a sentence where there are none. */
export function fieldTable(
	schema: Schema,
	direction: Direction,
	title?: string,
): string {
	const rows = fieldRows(schema, "", direction);
	if (rows.length === 0) return `${title ?? "Fields"}: none.`;
	const heading = title ? `${title}:\n\n` : "";
	return (
		heading +
		table(
			direction === "asked"
				? ["name", "type", "needed", "what it is"]
				: ["name", "type", "what it is"],
			rows,
		)
	);
}

/** A table, to be laid out by the formatter. */
export function table(header: string[], rows: string[][]): string {
	const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
	return [line(header), line(header.map(() => "---")), ...rows.map(line)].join(
		"\n",
	);
}

/** A schema in words: "string of 1 to 200 characters". */
export function typeName(schema: Schema): string {
	const { type, anyOf, items, $ref } = schema;
	if ($ref) return link($ref.split("/").at(-1) ?? "");
	if (anyOf) return either(anyOf.map(typeName));
	if (schema.const !== undefined) return code(schema.const);
	if (schema.enum) return either(schema.enum.map(code));
	if (Array.isArray(type)) return either(type);
	if (items) {
		const most = schema.maxItems ? `at most ${schema.maxItems} ` : "";
		return `array of ${most}${plural(typeName(items))}`;
	}
	if (type === "object" && !schema.properties) return mapName(schema);
	return `${type ?? "anything"}${bounds(schema)}`;
}

function fieldRows(
	schema: Schema,
	prefix: string,
	direction: Direction,
): string[][] {
	const forms = schema.anyOf ?? [schema];
	return forms.flatMap(({ properties = {}, required = [] }, index) =>
		Object.entries(properties).flatMap(([name, field]) => {
			const path = `${prefix}${name}`;
			const isThere = required.includes(name);
			const nested = field.items ?? field;
			const more = fieldRows(
				nested,
				`${path}${field.items ? "[]" : ""}.`,
				direction,
			);
			const isForm = forms.length > 1 && `in form ${index + 1}`;
			return [
				row(path, field, isThere, isForm || undefined, direction),
				...more,
			];
		}),
	);
}

function row(
	path: string,
	field: Schema,
	isThere: boolean,
	form: string | undefined,
	direction: Direction,
): string[] {
	const about = describe(field).replaceAll("|", "\\|");
	const name = `\`${path}\``;
	if (direction === "told")
		return [
			name,
			[typeName(field), !isThere && "optional", form]
				.filter(Boolean)
				.join(", "),
			about,
		];
	const needed = isThere
		? (form ?? "yes")
		: field.default === undefined
			? "no"
			: `no: ${code(field.default)}`;
	return [name, typeName(field), needed, about];
}

/** What is said of a field, or of the one form of it that something is said of. */
function describe({ description, anyOf = [] }: Schema): string {
	return (
		description ?? anyOf.find((form) => form.description)?.description ?? ""
	);
}

/** An object whose names are anybody's. */
function mapName({ additionalProperties: values }: Schema): string {
	return typeof values === "object" && values.type
		? `object of ${plural(typeName(values))}`
		: "object";
}

function bounds(schema: Schema): string {
	const { minimum, maximum, minLength, maxLength } = schema;
	const isCount = (value?: number): value is number =>
		value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
	const range = (least?: number, most?: number) => {
		if (isCount(least) && isCount(most)) return `${least} to ${most}`;
		if (isCount(least)) return `at least ${least}`;
		return isCount(most) ? `at most ${most}` : undefined;
	};
	const length = range(minLength, maxLength);
	const size = range(minimum, maximum);
	const one = minLength === 1 && !isCount(maxLength);
	if (one) return ", not empty";
	if (length) return ` of ${length} characters`;
	return size ? `, ${size}` : "";
}

function either(names: string[]): string {
	const last = names.at(-1) ?? "";
	return names.length < 2
		? last
		: `${names.slice(0, -1).join(", ")} or ${last}`;
}

function plural(name: string): string {
	return /^\w+$/.test(name) ? `${name}s` : name;
}

function code(value: unknown): string {
	return `\`${JSON.stringify(value)}\``;
}

function link(name: string): string {
	return `[${name}](#${name.toLowerCase()})`;
}
