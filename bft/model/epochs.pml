/* From one ring to the next (PROTOCOL.md, rules 13 and 14): that there is one
 * decision of each version whoever orders it, with two reconfigurations under
 * way at once and members that are removed.
 *
 * Ring 0 is of peers 0, 1, 2 and the liar, ring 1 of 1, 2, 3 and the liar, ring
 * 2 of 0, 2, 3 and the liar. Version 1 is ordered by ring 0: value 1 keeps the
 * ring, 2 and 3 name ring 1 and ring 2. Version 2 is ordered by whichever ring
 * follows. views.pml shows that a ring makes one decision of a version; here it
 * stands for that that an honest member votes once, as a member of each ring.
 * The liar votes for everything. A mistake is made on purpose with -DKEEPS_KEY
 * (a member that has committed the end of an epoch votes on in it) or -DBLIND (it
 * votes about a version without having the one before).
 */

#define PEERS 4 /* the honest ones */
#define RINGS 3
#define VALUES 3
#define AT(ring, version, value) (((ring) * 2 + (version) - 1) * VALUES + (value) - 1)
#define MEMBER(ring, peer) ((ring) == 0 && (peer) != 3 || (ring) == 1 && (peer) != 0 || (ring) == 2 && (peer) != 1)
#define COUNT(mask) (((mask) & 1) + (((mask) >> 1) & 1) + (((mask) >> 2) & 1) + (((mask) >> 3) & 1))

/* Two honest votes and the liar's. */
#define CERTIFIED(ring, version, value) (COUNT(votes[AT(ring, version, value)]) >= 2)

byte votes[RINGS * 2 * VALUES]; /* masks of peers */
byte decided[3];                /* by version */
byte head[PEERS];               /* newest committed version */
byte ring[PEERS];               /* that the peer takes for the present one */
bit voted[PEERS * RINGS * 2];   /* by peer, ring and version */

active proctype world() {
	byte p, r, v, x;
end:
	do
	:: atomic {
		if :: p = 0 :: p = 1 :: p = 2 :: p = 3 fi;
		if
		/* It votes about the version after its head, as a member of the ring
		 * that orders it. */
		:: head[p] < 2 ->
			v = head[p] + 1;
#ifdef BLIND
			if :: v = 1 :: v = 2 fi;
#endif
			r = ring[p];
#ifdef KEEPS_KEY
			if :: r = ring[p] :: r = 0 fi;
#endif
			if :: x = 1 :: x = 2 :: x = 3 fi;
			if
			:: MEMBER(r, p) && !voted[(p * RINGS + r) * 2 + v - 1] ->
				voted[(p * RINGS + r) * 2 + v - 1] = 1;
				votes[AT(r, v, x)] = votes[AT(r, v, x)] | (1 << p)
			:: else
			fi

		/* It commits version 1, and goes on with the ring that it names. Peers
		 * that were no members are shown it too. */
		:: head[p] == 0 ->
			if :: x = 1 :: x = 2 :: x = 3 fi;
			if
			:: CERTIFIED(0, 1, x) ->
				assert(decided[1] == 0 || decided[1] == x);
				decided[1] = x; head[p] = 1; ring[p] = x - 1
			:: else
			fi

		/* Anybody is shown a certificate of version 2, of the ring that he takes
		 * for the present one, or of ring 0 if he knows of no other. */
		:: if :: x = 1 :: x = 2 :: x = 3 fi;
			if
			:: CERTIFIED(ring[p], 2, x) && MEMBER(ring[p], p) && head[p] < 2 ->
				assert(decided[2] == 0 || decided[2] == x);
				decided[2] = x; head[p] = 2
			:: CERTIFIED(0, 2, x) -> /* a user who lags holds it against the first ring */
				assert(decided[2] == 0 || decided[2] == x);
				decided[2] = x
			:: else
			fi
		fi;
		p = 0; r = 0; v = 0; x = 0 /* no part of the state */
	}
	od
}
