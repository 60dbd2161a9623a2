// Package small names real modules for the tests of the templates.
package small

import (
	_ "github.com/google/uuid"
	_ "github.com/pkg/errors"
	_ "rsc.io/quote"
)
