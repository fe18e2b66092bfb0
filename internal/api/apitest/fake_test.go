package apitest

import "testing"

func TestFake(t *testing.T) { Test(t, New(), "t") }
