/**
 * Property-based tests have the same cases where PROPERTY_SEED is set: continuous integration sets it, so that what fails there comes
 * from the change. Other runs have other cases each time, and find what those did not.
 */
import fc from 'fast-check'

const seed = process.env.PROPERTY_SEED
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
