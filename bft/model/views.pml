/* The change of views with one proposal in flight (PROTOCOL.md, rules 2 to 4 and
 * 7 to 10), for a ring of four. Members 0 to 2 are honest, the fourth lies: it
 * votes for everything, shows any valid certificate or none, and leads every
 * view, so that any value may be proposed to anybody at any time. What was said
 * once may be heard by anybody at any time, or never.
 *
 * Of each version there is one decision. Suspicions, timers and messages that
 * are repeated take no part in that, and a crash loses nothing that was said,
 * so they are left out. A mistake is made on purpose with -DQUORUM_F1 (f+1 votes
 * make a certificate), -DFORGETS (a ViewChange does not show what was prepared),
 * -DTWICE (two proposals are prepared in one view), -DLOWEST (the certificate of
 * the lowest view is chosen), -DLAGS (a member prepares while it lacks a version
 * that is known to be certified) or -DVOTES_ON (it votes in a view that it left).
 */

#ifndef VIEWS
#define VIEWS 3
#endif
#ifndef VERSIONS
#define VERSIONS 2
#endif
#define HONEST 3

/* How many honest votes make a certificate, beside the liar's. */
#ifdef QUORUM_F1
#define NEED 1
#else
#define NEED 2
#endif

/* Values are 1 and 2; 0 is none. Versions count from 1, views from 0. */
#define AT(version, view, value) ((((version) - 1) * VIEWS + (view)) * 2 + (value) - 1)
#define OF(member, view) ((member) * VIEWS + (view))
#define COUNT(mask) (((mask) & 1) + (((mask) >> 1) & 1) + (((mask) >> 2) & 1))
#define PREPARED(version, view, value) (COUNT(prepares[AT(version, view, value)]) >= NEED)
#define CERTIFIED(version, view, value) (COUNT(commits[AT(version, view, value)]) >= NEED)

byte prepares[VERSIONS * VIEWS * 2]; /* masks of members */
byte commits[VERSIONS * VIEWS * 2];
byte decided[VERSIONS + 1];

#define KNOWN(version) (SEEN(version, 0) || SEEN(version, 1) || VIEWS > 2 && SEEN(version, 2))
#define SEEN(version, view) (CERTIFIED(version, view, 1) || CERTIFIED(version, view, 2))

/* By member. */
byte view[HONEST];
bit changing[HONEST];
byte head[HONEST];        /* newest committed version */
byte accepted[HONEST];    /* prepared in this view for the next version */
byte voting[HONEST];      /* in which view that was */
byte lockedView[HONEST];  /* of the certificate of prepares for the next version */
byte lockedValue[HONEST];
byte beginVersion[HONEST]; /* what the view begins with; 0: it is behind that */
byte beginValue[HONEST];   /* 0: the leader was free */

/* ViewChanges, by member and view: head + 1, 0 if there is none. */
byte changeHead[HONEST * VIEWS];
byte changeView[HONEST * VIEWS];
byte changeValue[HONEST * VIEWS];

inline sayChange(m) {
	changeHead[OF(m, view[m])] = head[m] + 1;
#ifdef FORGETS
	changeValue[OF(m, view[m])] = 0;
#else
	changeView[OF(m, view[m])] = lockedView[m];
	changeValue[OF(m, view[m])] = lockedValue[m];
#endif
}

#ifdef LOWEST
#define NEWER(a, b) ((a) < (b))
#else
#define NEWER(a, b) ((a) > (b))
#endif

/* consider takes one ViewChange into account: about the version after the newest
 * committed one, the certificate of the highest view counts. */
inline consider(h, w, x) {
	if
	:: h > best -> best = h; must = x; mustView = w
	:: h == best && x != 0 && (must == 0 || NEWER(w, mustView)) -> must = x; mustView = w
	:: else
	fi
}
active proctype ring() {
	byte m, w, x, other, best, must, mustView, h, v;
end:
	do
	:: atomic {
		/* Somebody does something. */
		if :: m = 0 :: m = 1 :: m = 2 fi;
		if
		/* Rule 2: it prepares a proposal, once in a view. */
		:: head[m] < VERSIONS && !changing[m] &&
#ifndef TWICE
			accepted[m] == 0 &&
#endif
#ifndef LAGS
			(beginVersion[m] == 0 || head[m] + 1 >= beginVersion[m]) &&
#endif
			true ->
			if :: x = 1 :: x = 2 fi;
			if
			:: beginVersion[m] != head[m] + 1 || beginValue[m] == 0 || beginValue[m] == x ->
				accepted[m] = x; voting[m] = view[m];
				prepares[AT(head[m] + 1, view[m], x)] = prepares[AT(head[m] + 1, view[m], x)] | (1 << m)
			:: else
			fi

		/* Rule 3: it has it prepared, and votes to commit it. */
		:: head[m] < VERSIONS && accepted[m] != 0 &&
#ifndef VOTES_ON
			!changing[m] &&
#endif
			PREPARED(head[m] + 1, voting[m], accepted[m]) ->
			lockedView[m] = voting[m]; lockedValue[m] = accepted[m];
			commits[AT(head[m] + 1, voting[m], accepted[m])] = commits[AT(head[m] + 1, voting[m], accepted[m])] | (1 << m)

		/* Rules 4 and 10: it commits what is certified, in whatever view, and
		 * enters that view. */
		:: head[m] < VERSIONS ->
			if :: w = 0 :: w = 1 :: VIEWS > 2 -> w = 2 fi;
			if :: x = 1 :: x = 2 fi;
			if
			:: CERTIFIED(head[m] + 1, w, x) ->
				head[m]++;
				assert(decided[head[m]] == 0 || decided[head[m]] == x);
				decided[head[m]] = x;
				accepted[m] = 0; voting[m] = 0; lockedView[m] = 0; lockedValue[m] = 0;
				if
				:: w > view[m] || w == view[m] && changing[m] ->
					view[m] = w; changing[m] = 0; beginVersion[m] = 0; beginValue[m] = 0
				:: w == view[m] && !changing[m] -> beginVersion[m] = 0; beginValue[m] = 0
				:: else ->
					if
					:: changing[m] -> sayChange(m) /* again, with more */
					:: else
					fi
				fi
			:: else
			fi

		/* Rule 7: it leaves for a later view. */
		:: view[m] < VIEWS - 1 ->
			if :: w = view[m] + 1 :: view[m] + 2 < VIEWS -> w = view[m] + 2 fi;
			view[m] = w; changing[m] = 1;
#ifndef VOTES_ON
			accepted[m] = 0; voting[m] = 0;
#endif
			beginVersion[m] = 0; beginValue[m] = 0;
			sayChange(m)

		/* Rules 8 and 9: it is shown the beginning of a view: the changes of
		 * three, or of two and the liar. */
		:: if :: w = 1 :: VIEWS > 2 -> w = 2 fi;
			if
			:: w > view[m] || w == view[m] && changing[m] ->
				if :: other = 0 :: other = 1 :: other = 2 :: other = 3 fi; /* who is left out; 3: the liar */
				for (v : 0 .. HONEST - 1) {
					if
					:: v != other && changeHead[OF(v, w)] == 0 -> goto over
					:: v != other && changeHead[OF(v, w)] != 0 ->
						consider(changeHead[OF(v, w)] - 1, changeView[OF(v, w)], changeValue[OF(v, w)])
					:: else
					fi
				}
				if
				:: other == 3
				:: else -> /* the liar shows what there is, or less */
					if :: h = 0 :: KNOWN(1) -> h = 1 :: VERSIONS > 1 && KNOWN(VERSIONS) -> h = VERSIONS fi;
					if
					:: consider(h, 0, 0)
					:: h < VERSIONS ->
						if :: x = 1 :: x = 2 fi;
						if :: v = 0 :: w > 1 -> v = 1 fi;
						if
						:: PREPARED(h + 1, v, x) -> consider(h, v, x)
						:: else
						fi
					fi
				fi;
				view[m] = w; changing[m] = 0; accepted[m] = 0; voting[m] = 0;
				beginVersion[m] = best + 1; beginValue[m] = must
			:: else
			fi
		fi;
over:		m = 0; w = 0; x = 0; other = 0; best = 0; must = 0; mustView = 0; h = 0; v = 0 /* no part of the state */
	}
	od
}
