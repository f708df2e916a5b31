package main

// What a day of reads under faults and rotations shows, and the rules of the cache
// that it found missing.
func init() {
	const soak, whole = "./test/soak", "TestSoak"
	mutants = append(mutants, []mutant{
		{
			Rule: "a rotation during the first read of a secret fetches again", File: "cache/rotate.go",
			Old: "(e.secret != nil || len(e.running) > 0) && ", New: "e.secret != nil && ", Package: "./cache", Tests: "TestRotationWhileTheFirstReadIsUnderWay",
		},
		{
			Rule: "no goroutine outlives a rotation, over a day", File: "localhttp/rotation.go",
			Old: "	outcomes := make([]outcome, len(changes))\n", New: "	outcomes := make([]outcome, len(changes))\n	go func() { select {} }()\n", Package: soak, Tests: whole,
		},
		{
			Rule: "memory does not grow with the reads, over a day", File: "localhttp/secret.go",
			Old: "var marks = map", New: "var kept [][]byte\n\nfunc init() {\n	go func() {\n		for range time.Tick(time.Millisecond) {\n			kept = append(kept, make([]byte, 4<<10))\n			clear(kept[len(kept)-1])\n			kept[len(kept)-1][0] = 1\n		}\n	}()\n}\n\nvar marks = map", Package: soak, Tests: whole,
		},
		{
			Rule: "entries beyond the size of the cache go, over a day", File: "cache/order.go",
			Old: "			c.forget(victim)\n", New: "			_ = victim\n", Package: soak, Tests: whole,
		},
		{
			Rule: "a rotation of a held secret is not answered without a fetch, over a day", File: "cache/rotate.go",
			Old: "if before != \"\" && before == ch.VersionID {", New: "if before != \"\" {", Package: soak, Tests: whole,
		},
		{
			Rule: "the file and the variables are new before a rotation is answered, over a day", File: "cache/flight.go",
			Old: "		c.o.Changed()\n", New: "", Package: soak, Tests: whole,
		},
		{
			Rule: "an answer for another secret is none, over a day", File: "cache/awssm/awssm.go",
			Old: "!names(s, q.ID):", New: "!names(s, q.ID) && q.ID == \"\":", Package: soak, Tests: whole,
		},
	}...)
}
