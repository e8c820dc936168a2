package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// judgeTimeout bounds the decision on one group.
const judgeTimeout = 60 * time.Second

func check(history []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(lockModel.ToModel(), history, judgeTimeout)
}

func isIllegal(history []porcupine.Operation) bool { return check(history) == porcupine.Illegal }

// shrink makes an illegal history as small as it can while what is left still happened and still
// cannot be explained.
func shrink(history []porcupine.Operation) []porcupine.Operation {
	history = slices.Clone(history)
	slices.SortStableFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	return withoutReads(withoutPast(shortestPrefix(history)))
}

// shortestPrefix ends with the first reply that cannot be explained. What had not ended by then is
// left without a reply: no reply explains more than that.
func shortestPrefix(history []porcupine.Operation) []porcupine.Operation {
	var returns []int64
	for i := range history {
		returns = append(returns, history[i].Return)
	}
	slices.Sort(returns)
	first, _ := slices.BinarySearchFunc(returns, true, func(at int64, _ bool) int {
		if isIllegal(prefix(history, at)) {
			return 0
		}
		return -1
	})
	return prefix(history, returns[min(first, len(returns)-1)])
}

func prefix(history []porcupine.Operation, at int64) []porcupine.Operation {
	var kept []porcupine.Operation
	for _, happened := range history {
		if happened.Call > at {
			continue
		}
		if happened.Return > at {
			unseen := *happened.Input.(*input)
			if commands[unseen.op.kind].reads || unseen.op.kind == watch {
				continue
			}
			unseen.end = never
			happened.Input, happened.Output, happened.Return = &unseen, output(nil), never
		}
		kept = append(kept, happened)
	}
	return kept
}

// withoutPast leaves out everything up to the latest moment at which nothing was going on and no
// key can have been there.
func withoutPast(history []porcupine.Operation) []porcupine.Operation {
	for first := len(history) - 1; first > 0; first-- {
		at := history[first].Call
		past := history[:first]
		if slices.ContainsFunc(past, func(ended porcupine.Operation) bool { return ended.Return >= at }) {
			continue
		}
		question := &input{op: &operation{kind: somethingIsThere}, call: at, end: at}
		asked := append(slices.Clone(past), porcupine.Operation{
			Input: question, Call: at, Output: output(&reply{kind: done}), Return: at,
		})
		if isIllegal(asked) && isIllegal(history[first:]) {
			return history[first:]
		}
	}
	return history
}

// withoutReads leaves out what changed nothing, as long as the rest cannot be explained.
func withoutReads(history []porcupine.Operation) []porcupine.Operation {
	for i := len(history) - 1; i >= 0; i-- {
		in, came := history[i].Input.(*input), (*reply)(history[i].Output.(output))
		if came == nil || !commands[in.op.kind].reads && !came.isRefusal() {
			continue
		}
		if less := slices.Delete(slices.Clone(history), i, i+1); isIllegal(less) {
			history = less
		}
	}
	return history
}

// table lists a history, a line for each operation, in microseconds from its begin.
func table(history []porcupine.Operation) string {
	var lines strings.Builder
	begin := history[0].Call
	for _, happened := range history {
		in := happened.Input.(*input)
		end := "-"
		if happened.Return != never {
			end = fmt.Sprint(happened.Return - begin)
		}
		fmt.Fprintf(&lines, "  %9d .. %9s us  client %2d  %s\n", happened.Call-begin, end, in.client,
			describe(in, happened.Output.(output)))
	}
	return lines.String()
}
