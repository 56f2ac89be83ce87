// Times as the model reads them: local ones, with their offset.

/** Local time with its offset, as `Sun 2026-11-22 19:05 +01:00`. */
export function formatTime(time: Date): string {
	const day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][time.getDay()];
	const offset = -time.getTimezoneOffset();
	const zone = `${offset < 0 ? "-" : "+"}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
	return `${day} ${formatDate(time)} ${two(time.getHours())}:${two(time.getMinutes())} ${zone}`;
}

/** The local date, as `2026-11-22`. */
export function formatDate(time: Date): string {
	return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

function two(n: number): string {
	const whole = Math.trunc(n);
	return whole < 10 ? `0${whole}` : `${whole}`;
}
