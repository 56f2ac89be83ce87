// Words that tell nothing of what a sentence is about, in the languages that most people write to an assistant.

const WORDS = `
d j l ll m n qu re s t ve
a about after all also am an and any are as at be been before but by can could did do does for from get got had has have he her
him his how i if in into is it its just let me more my no not of on one or our out please she should so some tell than that the
their them then there these they this to up us was we were what when where which who why will with would you your yes
aber alle als also am an auch auf aus bei bin bist bitte da dann das dass dein dem den der des dich die dir doch du ein eine
einem einen einer er es etwas für hab habe haben hast hat hatte ich ihm ihn ihr im in ist ja jetzt kann kein keine mal man
mein meine meinem meinen meiner mich mir mit nach nicht noch nun nur ob oder schon sein sich sie sind so um und uns vom von
war waren was wann warum weil welche welcher welches wenn wer werden wie wird wir wo zu zum zur
au aux avec ce ces cette dans de des du elle en est et eu il ils je la le les leur lui ma mais mes moi mon ne nous on ou où par
pas plus pour quand que quel quelle qui sa sans ses son sont sur ta te tes toi ton tu un une vous était être
al algo como con cual cuando de del donde el ella en era es esta este esto fue ha hay la las le lo los me mi mis muy más nos o
para pero por porque que qué quien se ser si sin son su sus también te tu tus un una y ya yo
anche che chi ci come con cosa da dal dei del della di dove e gli ha ho il io la le lo ma mi mio nel non per perché più quando
quello questa questo se sei si sono su suo ti tu un una è
com da das do dos e ela ele em eu foi isso já mais mas me meu minha na nas no nos não o os ou para pela pelo por qual quando que
quem se seu sua também um uma você
aan al als bij dat de deze die dit een en er geen had heb hebben heeft het hij hoe ik in is je kan maar me met mijn naar niet nog
of om ons ook op te uit van voor waar wanneer was wat we wel wie zij zijn zo zou
`;

let words: ReadonlySet<string> | undefined;

/** True of a word in lower case that stands in every second sentence. */
export function isStopWord(word: string): boolean {
	words ??= new Set(WORDS.split(/\s+/).filter(Boolean));
	return words.has(word);
}
