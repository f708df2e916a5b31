package main

// The rules of package cache. TestModel sees most of them go, whatever the other
// tests look at.
func init() {
	const (
		reads, entry, flight, names, order = "cache/cache.go", "cache/entry.go", "cache/flight.go", "cache/names.go", "cache/order.go"
		ahead, rotate                      = "cache/ahead.go", "cache/rotate.go"
	)
	rule := func(rule, file, before, after, tests string) mutant {
		return mutant{Rule: rule, File: file, Old: before, New: after, Package: "./cache", Tests: tests}
	}
	mutants = append(
		mutants,
		// One fetch at a time.
		rule("readers share the fetch under way", flight, "	for _, f := range e.running {\n		if !c.overdue(f) {\n			f.failing = noted\n			return f\n		}\n	}\n", "", "TestModel"),
		rule("what was asked for joins no fetch that began before", flight, "	f := &flight{done: make(chan struct{}), failing: failing}\n", "	if len(e.running) > 0 {\n		return e.running[0]\n	}\n	f := &flight{done: make(chan struct{}), failing: failing}\n", "TestModel"),
		rule("two fetches of an entry run at a time, no more", flight, "if c.underWay(e) < 2 || e.next != nil {", "if true {", "TestModel"),
		rule("callers beyond two fetches share the next", flight, "	if f := e.next; f != nil {\n		f.failing", "	if f := e.next; f != nil && false {\n		f.failing", "TestAnEventForAVersionThatWasReplacedAtOnceEndsSoon"),
		rule("the next fetch begins when one ends", flight, "		c.enqueue(c.alive(e), next)\n		return\n", "		return\n", "TestAnEventForAVersionThatWasReplacedAtOnceEndsSoon"),
		rule("readers of two names of a cold secret make one call", reads, "twin != nil && tries == 0", "twin != nil && tries == 9", "TestConcurrentReadersOfAColdSecretShareOneFetch"),
		rule("a fetch runs on no caller's context", flight, "context.WithTimeout(context.Background(), c.o.Timeout)", "context.WithTimeout(context.Background(), 0)", "TestModel"),
		rule("a fetch that was frozen is not joined", flight, "		if !c.overdue(f) {\n			f.failing = noted", "		if true {\n			f.failing = noted", "TestAFetchThatWasFrozenIsNotJoined"),
		rule("a fetch that waits for frozen ones begins when it is asked for again", flight, "if c.underWay(e) < 2 { // what", "if false { // what", "TestAFetchThatWaitsForFrozenOnesBeginsWhenItIsAskedForAgain"),
		rule("a frozen fetch does not count as under way", flight, "		if !c.overdue(f) {\n			n++", "		if f != nil {\n			n++", "TestAFetchThatWaitsForFrozenOnesBeginsWhenItIsAskedForAgain"),
		rule("the fetch after two waits while more than one is left", flight, "c.enqueue(c.alive(e), next)", "c.begin(c.alive(e), next)", "TestAFetchThatWaitsAfterAMergeWaitsForAllButOne"),
		rule("a fetch that waited is that of the entry which is read now", flight, "c.enqueue(c.alive(e), next)", "c.enqueue(e, next)", "TestWhatGoesOnOverARestoreReachesTheEntryThatIsRead"),
		// What began later counts.
		rule("a fetch that began earlier does not overwrite what a later one brought", flight, "	if f.number < e.settled {\n", "	if false {\n", "TestModel"),
		rule("it teaches nothing: its callers get what overtook it", flight, "err == nil && f.number > e.settled {", "err == nil {", "TestAnEarlierFetchOfTheOldSecretDoesNotBringItBack"),
		rule("the failure of a later fetch stands against what an earlier one brings", entry, "e.loaded, e.old = true, f.number < e.failed", "e.loaded, e.old = true, false", "TestAnEarlierSuccessDoesNotHideALaterFailure"),
		rule("a caller of an overtaken fetch gets what overtook it", flight, "			f.secret, f.err = e.secret, nil\n", "", "TestModel"),
		// What is published.
		rule("nobody gets a new value before it is published", flight, "	case changed:\n		c.o.Changed()\n", "	case changed:\n		defer c.o.Changed()\n", "TestModel|TestRotationAnswersOnlyAfterChangedReturned"),
		rule("nobody gets it by another fetch before that", flight, "		<-earlier.done // f", "		_ = earlier.done // f", "TestAFetchThatBringsWhatIsBeingPublishedAnswersAfterThat"),
		rule("a rotation to a held version waits until it is published", rotate, "return Rotated{Held: true, VersionID: before}, await(ctx, f)", "_ = f\n		return Rotated{Held: true, VersionID: before}, nil", "TestRotationAnswersOnlyAfterChangedReturned"),
		// Age and staleness.
		rule("a value is current for its TTL", entry, "!e.old && e.fetched.age() < e.ttl", "!e.old", "TestModel"),
		rule("a value that a failure made old is no hit", entry, "e.secret != nil && !e.old && e.fetched.age() < e.ttl", "e.secret != nil && e.fetched.age() < e.ttl", "TestAccessDeniedKeepsTheHeldValue"),
		rule("a value is stale for MaxStale and no longer", entry, "e.fetched.age() <= o.TTL+o.MaxStale", "true", "TestModel"),
		rule("age counts from the beginning of the fetch", entry, "e.secret, e.fetched, e.settled = s, f.began, f.number", "e.secret, e.fetched, e.settled = s, now(), f.number", "TestModel"),
		rule("time is that of the wall clock", entry, "return max(n.wall.Sub(i.wall), n.mono.Sub(i.mono))", "return n.mono.Sub(i.mono)", "TestExpiryGoesByEitherClock"),
		rule("time is that of the monotonic clock too", entry, "return max(n.wall.Sub(i.wall), n.mono.Sub(i.mono))", "return n.wall.Sub(i.wall)", "TestModel"),
		rule("jitter only shortens a TTL", entry, "(1 - ttlJitter*o.Random())", "(1 + ttlJitter*o.Random())", "TestModel"),
		rule("jitter takes a tenth of a TTL at most", entry, "(1 - ttlJitter*o.Random())", "(1 - 5*ttlJitter*o.Random())", "TestModel"),
		// Failures.
		rule("after a failure reads do not ask again for a while", entry, "return e.err != nil && e.erred.age() < e.backoff", "return false", "TestModel"),
		rule("where nothing is held, the error is the answer for a while", entry, "return e.err != nil && e.erred.age() < min(e.backoff, rememberError)", "return false", "TestModel"),
		rule("a back-off doubles", entry, "firstBackoff<<min(e.failures, 10)", "firstBackoff", "TestBackoffDoublesAndServesStaleMeanwhile"),
		rule("a back-off ends at half a minute", entry, "min(firstBackoff<<min(e.failures, 10), lastBackoff)", "firstBackoff<<min(e.failures, 10)", "TestBackoffDoublesAndServesStaleMeanwhile"),
		rule("readers by two names of a secret share its error", order, "e.askID == k.secret && e.secret == nil", "e.secret == nil", "TestModel"),
		rule("a secret that is gone is dropped", flight, "		e.drop(f)\n", "", "TestAFetchFromBeforeASecretWentIsNotKept"),
		rule("a failed fetch that was only asked for leaves the value as it was", flight, "	case f.failing == noted:\n", "	default:\n", "TestGetNowAlwaysFetchesAndAFailureLeavesTheCacheAlone"),
		rule("the failure of a fetch that a read has joined is noted", flight, "			f.failing = noted\n			return f\n", "			return f\n", "TestARefreshThatAReadJoinsIsNotedWhenItFails"),
		rule("that of a fetch which an event shares is noted", flight, "f.failing = min(f.failing, failing)", "", "TestAFetchSharedWithAnEventIsNotedWhenItFails"),
		rule("a load that failed for the moment is tried again by the first read", ahead, "		e.backoff = 0\n", "", "TestFailedLoadIsTriedAgainAtOnce"),
		// Rotations.
		rule("a rotation looks until it sees the version that is named", rotate, "return s.VersionID == ch.VersionID || outdated, nil", "return s.VersionID != \"\" || outdated, nil", "TestModel"),
		rule("a version that is older than the one named is no end of looking", rotate, " && (looks > looksPerProbe || !a.Secret.Created.Before(named.Created))", "", "TestModel"),
		rule("an event that names no version looks again", rotate, "looks >= extraLooks || err", "looks >= 0 || err", "TestRotationWithoutAVersionLooksAgainThreeTimes"),
		rule("an event during the first read is of a secret that is held", rotate, "(e.secret != nil || len(e.running) > 0)", "e.secret != nil", "TestRotationWhileTheFirstReadIsUnderWay"),
		rule("an event ends when a version from after it is current", rotate, "!ch.Time.IsZero() && s.Created.After(ch.Time.Add(eventTimeSlack))", "false", "TestAnOutdatedRotationEventEndsWithTheNewerVersion"),
		rule("callers that look for one version share what others fetch", rotate, "last != nil && last.number > f.number && !c.overdue(last)", "false && last.number > f.number", "TestAStormOfEventsCostsLittle"),
		rule("callers that look for one version share the look at another", rotate, "|| f.began.age() > refreshEvery {", "|| true {", "TestAnEventForAVersionThatWasReplacedAtOnceEndsSoon"),
		rule("a rotation forgets the other labels", rotate, "	c.forgetSecretButCurrent(e)\n", "", "TestRotationDropsOtherStagesAndVersions|TestModel"),
		rule("so it does where no fetch has told whose they are", rotate, "alike(k.secret, e.key.secret)", "k.secret == e.key.secret", "TestRotationDropsLabelsThatMayBeItsSecrets"),
		rule("a rotation over a restore goes on with the entry that is read now", rotate, "	e = c.alive(e)\n", "	e = e.home()\n", "TestWhatGoesOnOverARestoreReachesTheEntryThatIsRead"),
		rule("a refresh makes no fetch where another version is held than was refused", "cache/refresh.go", "e.secret.VersionID != ifVersion {", "false {", "TestRefresh"),
		rule("refreshes cost a fetch a second", "cache/refresh.go", "f != nil && f.began.age() < refreshEvery", "false", "TestRefresh|TestConcurrentRefreshesShareFetchesThatBeginAfterTheCall"),
		// Names.
		rule("a read by the ARN of a secret that is gone gets no other secret", reads, "			continue\n		}\n		return c.answer(e, f, Miss)", "		}\n		return c.answer(e, f, Miss)", "TestModel"),
		rule("nor does one that asks for a fetch", reads, "			continue\n		}\n		return c.answer(e, f, Refreshed)", "		}\n		return c.answer(e, f, Refreshed)", "TestModel"),
		rule("a late answer of the old secret does not move its name back", flight, "		if c.names.moved(f, s) {\n			return false\n		}\n", "", "TestALateAnswerOfTheOldSecretDoesNotMoveTheNameBack"),
		rule("a secret made anew drops what is held of the old one", names, "		c.forgetSecret(old, e)\n", "", "TestASecretMadeAnewLeavesNoNames"),
		rule("an entry keeps no value of a secret that had its name before", names, "		e.secret, e.old, e.settled = nil, false, 0 // it was", "		// it was", "TestStagesOfASecretMadeAnewAreNotThoseOfTheOldOne|TestModel"),
		rule("of two entries the fetches under way are those of one", names, "	into.running = append(into.running, e.running...)\n", "", "TestEntriesThatMergeShareTheirFetches"),
		rule("of two entries the last fetch is that of one", names, "		into.last = e.last\n", "", "TestEntriesThatMergeShareTheirLastFetch"),
		rule("of two entries what waits is fetched", names, "		c.enqueue(into, next)\n", "", "TestEntriesThatMergeFetchWhatWaits"),
		rule("of two entries one that is named makes one that is", names, "into.named = into.named || e.named", "", "TestAMergedEntryStaysNamed|TestAnEntryMergedIntoThatOfAnARNKeepsItsName"),
		rule("an entry is fetched by an id that outlives its secret", names, "		into.askID = e.askID // see entry\n", "", "TestAnEntryMadeByARNIsFetchedByNameOnceItWasAskedForByName|TestAnEntryMergedIntoThatOfAnARNKeepsItsName"),
		rule("a fetch is published by the entry that its own has become", flight, "	e = e.home()\n	earlier := e.publishing\n", "	earlier := e.publishing\n", "TestAFetchThatEndsInAnotherEntryIsPublishedThere"),
		rule("a name is that of a secret in the function's own account", names, "n.account != \"\" && n.account == account(s.ARN)", "true", "TestANameIsNotServedFromAnotherAccountsARN"),
		rule("what was loaded by ARN has a name when the account is told", reads, "			c.names.learn(e.secret.ARN, e.secret, e.settled)\n", "			_ = e\n", "TestTheAccountIsToldLate"),
		// Snapshots.
		rule("nothing is kept in a snapshot", flight, "	if f.snapshot {\n		return false\n	}\n", "", "TestNothingIsKeptInASnapshot|TestModel"),
		rule("nothing is served from before a snapshot", "cache/snapshot.go", "	c.snapshot = true\n	c.reset()\n", "	c.snapshot = true\n", "TestNothingIsKeptInASnapshot|TestModel"),
		rule("nothing is served from before a restore", "cache/snapshot.go", "	c.snapshot = false\n	c.reset()\n", "	c.snapshot = false\n", "TestAFetchFromBeforeTheRestoreDoesNotCount|TestModel"),
		// Entries.
		rule("entries beyond the size go", flight, "	c.evict()\n", "", "TestNoGrowthOverManyIds|TestModel"),
		rule("an entry with a fetch under way stays", order, "len(victim.running) == 0 && victim", "victim", "TestAnEntryWithAFetchUnderWayIsNotEvicted"),
		rule("the entry that is read now stays", order, " && victim != c.order.newest", "", "TestTheEntryThatIsReadStaysBesideNamedOnes"),
		rule("an entry that holds nothing goes", flight, "		c.forget(e)\n", "", "TestGetNowAlwaysFetchesAndAFailureLeavesTheCacheAlone|TestNothingIsKeptInASnapshot"),
		rule("a named entry stays", order, "	if !e.named {\n		c.order.touch(e)\n	}\n", "	c.order.touch(e)\n", "TestLeastRecentlyUsedGoesFirstAndNamedStay"),
	)
}
