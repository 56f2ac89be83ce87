/** The one folder that tools may touch. */
export interface Workspace {
	readonly root: string;
}
